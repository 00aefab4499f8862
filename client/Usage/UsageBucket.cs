namespace LLaDA.Batch.Client.Usage;

/// <summary>Which usage to sum up.</summary>
/// <param name="Start">Of work that ended at this time or later.</param>
public sealed record UsageRequest(DateTimeOffset Start)
{
    /// <summary>Of work that ended before this time; null for now.</summary>
    public DateTimeOffset? End { get; init; }

    /// <summary>Buckets of an hour in place of a day, in UTC. There may be 400.</summary>
    public bool ByHour { get; init; }

    /// <summary>Sums of their own for each model.</summary>
    public bool ByModel { get; init; }

    /// <summary>Sums of their own for each endpoint.</summary>
    public bool ByEndpoint { get; init; }
}

/// <summary>What was used in a span of time.</summary>
/// <param name="EndTime">Exclusive.</param>
/// <param name="Results">One for each group with work; none where there was no work.</param>
public sealed record UsageBucket(DateTimeOffset StartTime, DateTimeOffset EndTime, IReadOnlyList<UsageSums> Results);

/// <summary>What ended batches and answers at once have used.</summary>
/// <param name="NumModelRequests">Answered lines.</param>
/// <param name="NumFailedRequests">Failed lines.</param>
/// <param name="NumBatches">Ended batches; an answer at once counts as one.</param>
/// <param name="Model">Null where the sums are not by model.</param>
/// <param name="Endpoint">Null where the sums are not by endpoint.</param>
public sealed record UsageSums(
    long InputTokens, long OutputTokens, long NumModelRequests, long NumFailedRequests, long NumBatches, string? Model, string? Endpoint);
