namespace LLaDA.Batch.Client.Batches;

/// <summary>Which batches to list: those that match everything that is not null.</summary>
public sealed record BatchFilter
{
    /// <summary>One or more states, separated by commas.</summary>
    public string? Status { get; init; }

    public string? Endpoint { get; init; }

    public string? Model { get; init; }

    public DateTimeOffset? CreatedAfter { get; init; }

    public DateTimeOffset? CreatedBefore { get; init; }

    /// <summary>Texts that the batch was created with.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }
}
