using System.Text.Json.Serialization;

namespace LLaDA.Batch.Cli.Evaluating;

/// <summary>A line of a task's file after the first: a question, or an example that questions may be asked behind.</summary>
internal sealed record Question
{
    /// <summary>An example is not asked itself.</summary>
    public bool Example { get; init; }

    /// <summary>The part of the task that the question belongs to, with a score of its own; null for none.</summary>
    public string? Group { get; init; }

    /// <summary>The text before the answer; null where <see cref="Prompts"/> are given.</summary>
    public string? Prompt { get; init; }

    /// <summary>Possible answers, each behind <see cref="Prompt"/>.</summary>
    public IReadOnlyList<string>? Choices { get; init; }

    /// <summary>In place of a prompt and choices: texts that differ, before the one text that is scored behind each.</summary>
    public IReadOnlyList<string>? Prompts { get; init; }

    /// <summary>The text that is scored behind each of <see cref="Prompts"/>.</summary>
    public string? Completion { get; init; }

    /// <summary>Indices of the right choices.</summary>
    [JsonConverter(typeof(OneOrMore<int>))]
    public IReadOnlyList<int>? Right { get; init; }

    /// <summary>Answers to write, each of which is right.</summary>
    [JsonConverter(typeof(OneOrMore<string>))]
    public IReadOnlyList<string>? Answer { get; init; }

    public int NumChoices => Choices?.Count ?? Prompts?.Count ?? 0;

    /// <summary>What is wrong with the line in a task of this kind; null for nothing.</summary>
    public string? Fault(TaskKind kind) => kind == TaskKind.Choice ? ChoiceFault() : GenerateFault();

    /// <summary>The question and its right answer as an example shows them.</summary>
    public string Shown => (Choices, Prompts) switch
    {
        ({ } choices, _) => Prompt + choices[Right![0]],
        (_, { } prompts) => prompts[Right![0]] + Completion,
        _ => Prompt + Answer![0],
    };

    private string? ChoiceFault()
    {
        if (Answer is not null)
            return "\"answer\" belongs to tasks of the kind \"generate\"; \"right\" is the index of the right choice";
        if (Prompts is null == Choices is null)
            return "a question has either \"choices\" or \"prompts\"";
        if (Choices is not null && (Prompt is null || Completion is not null))
            return "\"choices\" go with \"prompt\", and \"completion\" with \"prompts\"";
        if (Prompts is not null && (Prompt is not null || string.IsNullOrEmpty(Completion)))
            return "\"prompts\" go with \"completion\", which must not be empty, and without \"prompt\"";
        if (NumChoices < 2)
            return "a question needs two choices";
        if (Choices is not null && Choices.Any(string.IsNullOrEmpty))
            return "a choice must not be empty";
        if (Right is not { Count: > 0 })
            return "\"right\" must name the right choice";
        return Right.Any(index => index < 0 || index >= NumChoices) ? $"\"right\" must be from 0 to {NumChoices - 1}" : null;
    }

    private string? GenerateFault()
    {
        if (Choices is not null || Prompts is not null || Completion is not null || Right is not null)
            return "\"choices\", \"prompts\", \"completion\" and \"right\" belong to tasks of the kind \"choice\"";
        if (Prompt is null)
            return "a question needs a \"prompt\"";
        return Answer is { Count: > 0 } ? null : "\"answer\" must be a text or a list of texts";
    }
}
