using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>A finished part of a batch on the wire.</summary>
public sealed record BatchPartObject
{
    /// <summary>The number of the part; a part never changes.</summary>
    public required int Index { get; init; }

    /// <summary>Lines in the output file.</summary>
    public required int Completed { get; init; }

    /// <summary>Lines in the error file.</summary>
    public required int Failed { get; init; }

    public required BatchUsage Usage { get; init; }

    public string Object => "batch.part";

    public static BatchPartObject From(int index, PartCounts counts) => new()
    {
        Index = index,
        Completed = counts.Completed,
        Failed = counts.Failed,
        Usage = BatchUsage.Of(counts),
    };
}
