namespace LLaDA.Batch.Shared.Batches;

/// <summary>The metadata of a part. Progress and usage are sums over the parts.</summary>
/// <param name="Expired">How many of the failed lines were not run because the completion window had ended.</param>
/// <param name="Errors">The failed lines by their code; empty in parts of earlier versions.</param>
/// <param name="InWork">The finished shares of lines that still run, in lines; 0 in a part.</param>
public sealed record PartCounts(
    int Completed, int Failed, long PromptTokens, long CompletionTokens, int Expired = 0, ErrorCounts Errors = default, double InWork = 0)
{
    public static PartCounts None { get; } = new(0, 0, 0, 0);

    /// <summary>The counts of lines that were not run.</summary>
    public static PartCounts NotRun(int numLines, NotRunReason reason) =>
        new(0, numLines, 0, 0, reason == NotRunReason.Expired ? numLines : 0, ErrorCounts.Of(reason.Code, numLines));

    public static PartCounts Sum(IEnumerable<PartCounts> counts) => counts.Aggregate(None, (sum, part) => sum + part);

    public static PartCounts operator +(PartCounts left, PartCounts right) => left.Add(right);

    public PartCounts Add(PartCounts other) => new(
        Completed + other.Completed, Failed + other.Failed, PromptTokens + other.PromptTokens, CompletionTokens + other.CompletionTokens,
        Expired + other.Expired, Errors + other.Errors, InWork + other.InWork);

    /// <summary>Counts completed lines as failed: their answers could not be written.</summary>
    /// <param name="code">The error of these lines.</param>
    public PartCounts WithRefused(int numLines, string code) => this with
    {
        Completed = Completed - numLines,
        Failed = Failed + numLines,
        Errors = Errors + ErrorCounts.Of(code, numLines),
    };
}
