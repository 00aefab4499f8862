using System.Text.Json;

namespace LLaDA.Batch.Client.Batches;

/// <summary>A line of a batch.</summary>
public sealed record BatchResult
{
    /// <summary>Its number in the input, from 1.</summary>
    public required int Line { get; init; }

    public required string CustomId { get; init; }

    /// <summary><c>pending</c>, <c>completed</c> or <c>failed</c>.</summary>
    public required string Status { get; init; }

    /// <summary>The body of the request; null for a document of a folder.</summary>
    public JsonElement? Input { get; init; }

    /// <summary>With <c>status_code</c> and <c>body</c>; null where there is no answer.</summary>
    public JsonElement? Response { get; init; }

    /// <summary>With <c>code</c> and <c>message</c>; null where there is none.</summary>
    public JsonElement? Error { get; init; }
}
