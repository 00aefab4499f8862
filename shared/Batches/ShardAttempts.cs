namespace LLaDA.Batch.Shared.Batches;

/// <summary>Lines of a shard that are run together.</summary>
/// <param name="First">The position of the first line in the shard, from 0.</param>
/// <param name="Failures">Attempts that were begun and not excused, the running one included.</param>
/// <param name="Reason">Why the last attempt failed; null while it runs, and when its worker ended without a reason.</param>
public sealed record LineGroup(int First, int Count, int Failures, string? Reason);

/// <summary>
/// The failed attempts on a shard's lines. Lines that fail together twice are run in halves, down to single lines, so that a line that
/// kills its worker costs the others only time: at most 2 (log2 n + 1) failed attempts for a line among n.
/// </summary>
/// <param name="Groups">Groups that are not done; the first one is running.</param>
public sealed record ShardAttempts(IReadOnlyList<LineGroup> Groups)
{
    /// <summary>Failures after which a group is halved, or failed when it is a single line.</summary>
    public const int MaxFailures = 2;

    public LineGroup? Current => Groups.FirstOrDefault();

    public static ShardAttempts Of(int numLines) => new(numLines == 0 ? [] : [new LineGroup(0, numLines, 0, Reason: null)]);

    /// <summary>Counts an attempt, before the work: a process that dies reports nothing.</summary>
    public ShardAttempts Begin() => WithCurrent(Current! with { Failures = Current!.Failures + 1, Reason = null });

    /// <summary>Records why the attempt that was begun failed.</summary>
    public ShardAttempts Explain(string reason) => WithCurrent(Current! with { Reason = reason });

    /// <summary>The current group is done.</summary>
    public ShardAttempts End() => new([.. Groups.Skip(1)]);

    /// <summary>Halves the current group, which must have more than one line.</summary>
    public ShardAttempts Halve()
    {
        var (first, count) = (Current!.First, Current.Count);
        var (left, right) = (count / 2, count - (count / 2));
        return new([new LineGroup(first, left, 0, Reason: null), new LineGroup(first + left, right, 0, Reason: null), .. Groups.Skip(1)]);
    }

    /// <summary>The failed attempts of the current group.</summary>
    /// <param name="isRunning">Whether a worker has the shard's lease: the attempt in progress is no failure.</param>
    public int CountFailures(bool isRunning) => Current switch
    {
        null => 0,
        { Reason: null, Failures: > 0 } group when isRunning => group.Failures - 1,
        var group => group.Failures,
    };

    private ShardAttempts WithCurrent(LineGroup group) => new([group, .. Groups.Skip(1)]);
}
