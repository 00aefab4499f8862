using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Shared.Schedules;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Outcomes of schedules after <see cref="RetentionOptions.ScheduleRuns"/>.</summary>
internal sealed class OldScheduleRuns(ScheduleStore schedules, RetentionOptions options, RowByRow rows) : IPurge
{
    public async Task RunAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        string filter = RetentionFilter.Before(nameof(ScheduleRunRecord.CreatedAt), now - options.ScheduleRuns);
        await foreach (var run in schedules.Runs.ScanAsync(filter, cancellation))
        {
            await rows.TryAsync(
                RetentionTimer.Name, run.Id, () => schedules.Runs.DeleteAsync(run.PartitionKey, run.RowKey, cancellation), cancellation);
        }
    }
}
