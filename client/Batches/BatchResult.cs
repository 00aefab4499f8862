using System.Text.Json;
using System.Text.Json.Serialization;
using LLaDA.Batch.Client.Wire;

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

    /// <summary>Why the line failed; null for one that did not.</summary>
    [JsonIgnore]
    public string? Failure => Error?.GetProperty("message").GetString() ?? (Body?.TryGetProperty("error", out var refused) == true
        ? refused.GetProperty("message").GetString()
        : null);

    private JsonElement? Body => Response?.TryGetProperty("body", out var body) == true ? body : null;

    /// <summary>
    /// The answer as a record of its endpoint, such as <see cref="Answers.InfillAnswer"/>; null unless the line is completed.
    /// </summary>
    public T? Answer<T>()
        where T : class => Status == "completed" ? Body?.Deserialize<T>(WireJson.Options) : null;
}
