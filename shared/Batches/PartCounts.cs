namespace LLaDA.Batch.Shared.Batches;

/// <summary>The metadata of a part. Progress and usage are sums over the parts.</summary>
/// <param name="Expired">How many of the failed lines were not run because the completion window had ended.</param>
/// <param name="InWork">The finished shares of lines that still run, in lines; 0 in a part.</param>
public sealed record PartCounts(
    int Completed, int Failed, long PromptTokens, long CompletionTokens, int Expired = 0, double InWork = 0)
{
    public static PartCounts None { get; } = new(0, 0, 0, 0);

    /// <summary>The counts of lines that were not run.</summary>
    public static PartCounts NotRun(int numLines, NotRunReason reason) =>
        new(0, numLines, 0, 0, reason == NotRunReason.Expired ? numLines : 0);

    public static PartCounts Sum(IEnumerable<PartCounts> counts) => counts.Aggregate(None, (sum, part) => sum + part);

    public static PartCounts operator +(PartCounts left, PartCounts right) => left.Add(right);

    public PartCounts Add(PartCounts other) => new(
        Completed + other.Completed, Failed + other.Failed, PromptTokens + other.PromptTokens, CompletionTokens + other.CompletionTokens,
        Expired + other.Expired, InWork + other.InWork);

    /// <summary>Counts completed lines as failed: their answers could not be written.</summary>
    public PartCounts WithRefused(int numLines) => this with { Completed = Completed - numLines, Failed = Failed + numLines };
}
