using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>How a batch gets along, on the wire.</summary>
public sealed record BatchProgress
{
    /// <summary>The span over which the speed is measured, back from the last line.</summary>
    private static readonly TimeSpan s_recent = TimeSpan.FromMinutes(10);

    /// <summary>Lines that were finished a minute, over the last ten minutes; null before the first.</summary>
    public double? LinesPerMinute { get; init; }

    /// <summary>
    /// The share of the lines that is done, in [0, 1]; also counts the finished gaps, infill windows and samples of lines that still run.
    /// </summary>
    public required double Share { get; init; }

    /// <summary>Tokens of the finished lines, given and new ones.</summary>
    public required long TokensDone { get; init; }

    /// <summary>Tokens of all lines by the plan's estimate; null until the batch is planned.</summary>
    public long? TokensEstimated { get; init; }

    /// <summary>
    /// Its place among the unfinished batches of all tenants by age, from 1 on; null once work is done. Tenants take turns, so a
    /// batch may begin before older ones.
    /// </summary>
    public int? QueuePosition { get; init; }

    /// <summary>Workers whose finished lines are stored; a worker that started again counts twice.</summary>
    public required int WorkersSeen { get; init; }

    /// <param name="finished">All finished lines.</param>
    /// <param name="position">See <see cref="QueuePosition"/>.</param>
    public static BatchProgress Of(BatchRecord batch, IReadOnlyCollection<FinishedWork> finished, int? position)
    {
        var counts = PartCounts.Sum(finished.Select(work => work.Counts));
        return new BatchProgress
        {
            LinesPerMinute = SpeedOf(finished, batch.InProgressAt),
            Share = batch.TotalLines == 0 ? 0 : Math.Min(1, Math.Round(NumDone(counts) / batch.TotalLines, 4)),
            TokensDone = counts.PromptTokens + counts.CompletionTokens,
            TokensEstimated = batch.EstimatedTokens,
            QueuePosition = NumDone(counts) == 0 ? position : null,
            WorkersSeen = finished.Select(work => work.Worker).OfType<string>().Distinct().Count(),
        };
    }

    private static double NumDone(PartCounts counts) => counts.Completed + counts.Failed + counts.InWork;

    /// <summary>When the last line will be finished at the present speed.</summary>
    /// <param name="left">Lines that are not finished.</param>
    /// <returns>Null while no speed is known.</returns>
    public DateTimeOffset? EndsAt(int left, DateTimeOffset now)
    {
        if (LinesPerMinute is not > 0)
            return null;
        double minutes = left / LinesPerMinute.Value;
        return minutes < (DateTimeOffset.MaxValue - now).TotalMinutes ? now.AddMinutes(minutes) : null;
    }

    /// <summary>Lines a minute of the last ten minutes in which workers stored lines, or since the batch began.</summary>
    private static double? SpeedOf(IReadOnlyCollection<FinishedWork> finished, DateTimeOffset? begunAt)
    {
        FinishedWork[] run = [.. finished.Where(work => work.Worker is not null)];
        if (run.Length == 0 || begunAt is not { } since)
            return null;
        var last = run.Max(work => work.At);
        if (since < last - s_recent)
            since = last - s_recent;
        double minutes = (last - since).TotalMinutes;
        int lines = run.Where(work => work.At > since).Sum(work => work.Counts.Completed + work.Counts.Failed);
        return minutes > 0 ? Math.Round(lines / minutes, 1) : null;
    }
}
