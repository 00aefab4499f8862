using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Schedules;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>
/// Deletes a schedule with its outcomes and its lists. The mark comes first and the row goes last: after an interruption the schedule
/// fires no more, and the timer of retention deletes the rest.
/// </summary>
internal sealed class ScheduleDeletion(ScheduleStore schedules, SourceLists data, FineTuningStore jobs, TimeProvider time)
{
    public async Task RunAsync(ScheduleRecord schedule, CancellationToken cancellation)
    {
        if (await schedules.MarkDeletedAsync(schedule, time.GetUtcNow(), cancellation) is not { } marked)
            return;
        var last = marked.LastJobKey is { } key ? await jobs.Records.FindAsync(marked.Tenant, key, cancellation) : null;
        await data.DeleteAsync(marked, kept: last is { TrainingFileId: null, IsTerminal: false } ? last.Sources : null, cancellation);
        await schedules.DeleteAsync(marked, cancellation);
    }
}
