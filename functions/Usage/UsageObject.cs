using System.Text.Json.Serialization;
using LLaDA.Batch.Shared.Usage;

namespace LLaDA.Batch.Functions.Usage;

/// <summary>Usage on the wire, in the form of OpenAI's usage API: all buckets of a span of time, empty ones included.</summary>
public sealed record UsageObject
{
    public required IReadOnlyList<UsageBucket> Data { get; init; }

    public bool HasMore => false;

    public string? NextPage => null;

    public string Object => "page";
}

/// <summary>A span of time on the wire.</summary>
public sealed record UsageBucket
{
    public required long StartTime { get; init; }

    /// <summary>Exclusive.</summary>
    public required long EndTime { get; init; }

    public required IReadOnlyList<UsageResult> Results { get; init; }

    public string Object => "bucket";
}

/// <summary>The sums of a bucket, or of one group in it, on the wire.</summary>
public sealed record UsageResult
{
    public required long InputTokens { get; init; }

    public required long OutputTokens { get; init; }

    /// <summary>Lines that were answered.</summary>
    [JsonPropertyName("num_model_requests")]
    public required long NumRequests { get; init; }

    /// <summary>Lines that failed.</summary>
    public required long NumFailedRequests { get; init; }

    /// <summary>Batches that ended, an answer at once counting as one.</summary>
    public required long NumBatches { get; init; }

    /// <summary>Null where the sums are not by model.</summary>
    public string? Model { get; init; }

    /// <summary>Null where the sums are not by endpoint.</summary>
    public string? Endpoint { get; init; }

    public string Object => "usage.result";

    internal static UsageResult Of(IReadOnlyCollection<UsageRecord> rows, string? model, string? endpoint) => new()
    {
        InputTokens = rows.Sum(row => row.PromptTokens),
        OutputTokens = rows.Sum(row => row.CompletionTokens),
        NumRequests = rows.Sum(row => (long)row.CompletedLines),
        NumFailedRequests = rows.Sum(row => (long)row.FailedLines),
        NumBatches = rows.Count,
        Model = model,
        Endpoint = endpoint,
    };
}
