namespace LLaDA.Batch.Shared.Batches;

/// <summary>Lines of a shard that are run together.</summary>
/// <param name="First">Position of the first one in the shard, from 0 on.</param>
/// <param name="Failures">Attempts that have begun and not been excused.</param>
/// <param name="Reason">Why the last of them failed; null when its worker ended without a word.</param>
public sealed record LineGroup(int First, int Count, int Failures, string? Reason);

/// <summary>
/// How often work on a shard's lines has begun without an excuse for its end. Lines that fail together twice are run in halves, down to single lines, so that
/// one line that kills its worker costs the others nothing but time: at most 2 (log2 n + 1) failed attempts for a line among n.
/// </summary>
/// <param name="Groups">Groups that are not done; the first one is in work.</param>
public sealed record ShardAttempts(IReadOnlyList<LineGroup> Groups)
{
    /// <summary>Failures that a group may have before it is halved, or given up when it is a single line.</summary>
    public const int MaxFailures = 2;

    public LineGroup? Current => Groups.FirstOrDefault();

    public static ShardAttempts Of(int numLines) => new(numLines == 0 ? [] : [new LineGroup(0, numLines, 0, Reason: null)]);

    /// <summary>Counts an attempt, before the work: a process that dies tells nobody.</summary>
    public ShardAttempts Begin() => WithCurrent(Current! with { Failures = Current!.Failures + 1, Reason = null });

    /// <summary>Says why the attempt that has begun failed.</summary>
    public ShardAttempts Explain(string reason) => WithCurrent(Current! with { Reason = reason });

    /// <summary>The current group is done.</summary>
    public ShardAttempts End() => new([.. Groups.Skip(1)]);

    /// <summary>Halves the current group, which must have more than one line.</summary>
    public ShardAttempts Halve()
    {
        var (first, count) = (Current!.First, Current.Count);
        return new([new LineGroup(first, count / 2, 0, Reason: null), new LineGroup(first + (count / 2), count - (count / 2), 0, Reason: null), .. Groups.Skip(1)]);
    }

    private ShardAttempts WithCurrent(LineGroup group) => new([group, .. Groups.Skip(1)]);
}
