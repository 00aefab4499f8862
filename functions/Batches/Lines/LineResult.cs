using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Lines;

/// <summary>What became of a line of a batch.</summary>
public enum LineStatus
{
    /// <summary>It has not been finished.</summary>
    Pending,

    /// <summary>It stands in the output file, or will.</summary>
    Completed,

    /// <summary>It stands in the error file, or will.</summary>
    Failed,
}

/// <summary>A line of a batch with what became of it.</summary>
/// <param name="Line">Its number in the input, from 1 on.</param>
/// <param name="Input">The body of the request; null for a document of a folder.</param>
/// <param name="Outcome">The line of the output or error file; null while it is pending.</param>
internal sealed record LineResult(int Line, string CustomId, JsonElement? Input, LineStatus Status, JsonElement? Outcome)
{
    public static LineResult Pending(int line, string customId, JsonElement? input) =>
        new(line, customId, input, LineStatus.Pending, Outcome: null);

    public static LineResult Finished(string customId, JsonElement? input, PartLine outcome) => new(
        outcome.Line,
        customId,
        input,
        outcome.IsError ? LineStatus.Failed : LineStatus.Completed,
        JsonElement.Parse(outcome.Json));

    /// <summary>A finished line whose request is lost.</summary>
    public static LineResult Finished(PartLine outcome) =>
        Finished(JsonElement.Parse(outcome.Json).FindText("custom_id") ?? "", input: null, outcome);

    /// <summary>The code of a failed line's error.</summary>
    public string ErrorCode => ErrorCounts.CodeOf(Outcome!.Value);

    /// <summary>Whether its custom_id, its input or its answer has a text, in upper or lower case.</summary>
    public bool Contains(string text) =>
        CustomId.Contains(text, StringComparison.OrdinalIgnoreCase)
        || (Input is { } input && Contains(input, text))
        || (Outcome?.Find("response")?.Find("body") is { } body && Contains(body, text))
        || (Outcome?.Find("error") is { } error && Contains(error, text));

    private static bool Contains(JsonElement json, string text) => json.ValueKind switch
    {
        JsonValueKind.String => json.GetString()!.Contains(text, StringComparison.OrdinalIgnoreCase),
        JsonValueKind.Array => json.EnumerateArray().Any(item => Contains(item, text)),
        JsonValueKind.Object => json.EnumerateObject().Any(property => Contains(property.Value, text)),
        _ => false,
    };
}
