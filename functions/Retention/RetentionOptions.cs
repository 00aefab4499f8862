using LLaDA.Batch.Shared.Files;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>How long things are kept (section <c>Retention</c>).</summary>
public sealed record RetentionOptions
{
    public const string Section = "Retention";

    /// <summary>Inputs and results of batches, where the client names no other time. Training data is kept until it is deleted.</summary>
    public TimeSpan BatchFiles { get; init; } = TimeSpan.FromDays(30);

    /// <summary>The training files that schedules put together: their blobs are their owner's, and a job that is resumed later than this fails.</summary>
    public TimeSpan ScheduledFiles { get; init; } = TimeSpan.FromDays(90);

    /// <summary>Plan, shards and parts, from the end of their batch on: what they hold is in the results by then. At least an hour, so that no worker is still at it.</summary>
    public TimeSpan Work { get; init; } = TimeSpan.FromDays(1);

    /// <summary>Records of batches, from their end on.</summary>
    public TimeSpan Batches { get; init; } = TimeSpan.FromDays(90);

    /// <summary>Outcomes of schedules, from when they were decided on.</summary>
    public TimeSpan ScheduleRuns { get; init; } = TimeSpan.FromDays(90);

    public TimeSpan? KeepsFilesFor(string purpose) => purpose == FilePurpose.FineTune ? null : BatchFiles;

    public IEnumerable<string> Validate()
    {
        if (Work < TimeSpan.FromHours(1) || Batches < Work)
            yield return $"{Section}:{nameof(Work)} must be at least an hour, and {Section}:{nameof(Batches)} at least as long";
        if (BatchFiles < TimeSpan.FromHours(1))
            yield return $"{Section}:{nameof(BatchFiles)} must be at least an hour";
        if (ScheduleRuns < TimeSpan.FromDays(1))
            yield return $"{Section}:{nameof(ScheduleRuns)} must be at least a day";
        if (ScheduledFiles < TimeSpan.FromDays(1))
            yield return $"{Section}:{nameof(ScheduledFiles)} must be at least a day";
    }
}
