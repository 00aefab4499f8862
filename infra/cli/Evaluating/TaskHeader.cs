using System.Text.Json;

namespace LLaDA.Batch.Cli.Evaluating;

/// <summary>How the answers of a task are found.</summary>
internal enum TaskKind
{
    /// <summary>The most probable of some answers, by <c>/v1/score</c>.</summary>
    Choice,

    /// <summary>A written answer, by <c>/v1/completions</c> or <c>/v1/chat/completions</c>.</summary>
    Generate,
}

/// <summary>The first line of a task's file.</summary>
internal sealed record TaskHeader
{
    /// <summary>Its name in the results.</summary>
    public required string Task { get; init; }

    public required TaskKind Kind { get; init; }

    /// <summary>Examples before each question, from 0.</summary>
    public int Shots { get; init; }

    /// <summary>Between examples, and between the last one and the question.</summary>
    public string Separator { get; init; } = "\n\n";

    /// <summary>Asks as the user of a chat; of <see cref="TaskKind.Generate"/> only.</summary>
    public bool Chat { get; init; }

    /// <summary>Finds the answer in what was written: the last match's first group, or the last match. Null takes all of it.</summary>
    public string? Extract { get; init; }

    /// <summary>Parameters of each request, such as <c>num_samples</c> and <c>cfg_scale</c>.</summary>
    public IReadOnlyDictionary<string, JsonElement> Body { get; init; } = new Dictionary<string, JsonElement>();

    public string Endpoint => (Kind, Chat) switch
    {
        (TaskKind.Choice, _) => "/v1/score",
        (_, true) => "/v1/chat/completions",
        _ => "/v1/completions",
    };
}
