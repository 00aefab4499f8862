using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Shared.Schedules;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Schedules whose deletion was interrupted.</summary>
internal sealed class InterruptedScheduleDeletions(ScheduleStore schedules, ScheduleDeletion deletion, RowByRow rows) : IPurge
{
    public async Task RunAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        string filter = RetentionFilter.Before(nameof(ScheduleRecord.DeletedAt), now - RetentionOptions.StalledAfter);
        await foreach (var schedule in schedules.Records.ScanAsync(filter, cancellation))
            await rows.TryAsync(RetentionTimer.Name, schedule.Id, () => deletion.RunAsync(schedule, cancellation), cancellation);
    }
}
