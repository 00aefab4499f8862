using System.Globalization;
using Azure;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Schedules;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>
/// Turns each due occurrence of each schedule into one job, or one recorded reason why not. Any number of hosts may fire at once and may die at any point: an occurrence is taken by a
/// conditional write on its schedule, its outcome is written once under a key that derives from both, and everybody acts on the outcome that holds.
/// </summary>
internal sealed partial class ScheduleTimer(
    ScheduleStore schedules, SourceLists data, BlobFolders folders, FineTuningStore jobs, FineTuningEvents events, WorkQueues queues, ServiceLimits limits, TimeProvider time,
    ILogger<ScheduleTimer> logger)
{
    /// <summary>How often the timer fires.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    private const int Concurrency = 8;

    public async Task RunAsync(CancellationToken cancellation)
    {
        var due = await schedules.ListDueAsync(time.GetUtcNow(), cancellation).ToListAsync(cancellation);
        await Parallel.ForEachAsync(due, new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation }, async (schedule, stop) =>
        {
            try
            {
                await FireAsync(schedule, stop);
            }
            catch (Exception failure) when (failure is not OperationCanceledException || !stop.IsCancellationRequested)
            {
                LogFailed(logger, schedule.Id, failure);    // the others go on; this one is due again at the next turn
            }
        });
    }

    private async Task FireAsync(ScheduleRecord schedule, CancellationToken cancellation)
    {
        var current = await TakeAsync(schedule, cancellation);
        while (current is { IsPaused: false, NumWaiting: > 0 })
        {
            var dueAt = current.GetWaiting()[0];
            var definition = ScheduleDefinition.FromJson(current.Definition);
            if (await OutcomeAsync(current, definition, dueAt, cancellation) is not { } run)
                return;
            if (run.Status == ScheduleRunStatus.JobCreated)
                await CreateJobAsync(current, definition, run, cancellation);
            current = await SettleAsync(current, run, cancellation);
        }
    }

    /// <summary>Moves what is due from the schedule's future to what waits; what was missed gets its outcome at once.</summary>
    private async Task<ScheduleRecord?> TakeAsync(ScheduleRecord schedule, CancellationToken cancellation)
    {
        var current = schedule;
        while (current is { IsPaused: false } seen && seen.NextAt <= time.GetUtcNow())
        {
            var definition = ScheduleDefinition.FromJson(seen.Definition);
            var due = definition.Occurrences.Due(seen.NextAt, time.GetUtcNow(), definition.Missed, ScheduleRecord.MaxWaiting - seen.NumWaiting);
            var (toRun, next) = (due.ToRun, due.Next);
            if (due.NumMissed > 0)
            {
                var run = await schedules.AddRunAsync(seen, Missed(seen.NextAt, due), cancellation);
                if (run.ThroughAt is { } through)   // another host may have looked at another time: as it says
                    (toRun, next) = ([], definition.Occurrences.Next(through) ?? DateTimeOffset.MaxValue);
            }
            else if (toRun.Count == 0)
            {
                return seen;    // nothing more may wait
            }
            current = await schedules.UpdateAsync(seen, latest =>
            {
                if (latest.NextAt != seen.NextAt || latest.Definition != seen.Definition || latest.IsPaused)
                    return false;
                latest.NextAt = next;
                latest.SetWaiting([.. latest.GetWaiting(), .. toRun]);
                return true;
            }, cancellation);
        }
        return current;
    }

    /// <returns>The outcome; null when the occurrence has to wait.</returns>
    private async Task<ScheduleRunRecord?> OutcomeAsync(ScheduleRecord schedule, ScheduleDefinition definition, DateTimeOffset dueAt, CancellationToken cancellation)
    {
        if (await schedules.FindRunAsync(schedule, dueAt, cancellation) is { } known)
            return known;
        var last = schedule.LastJobKey is { } key ? await jobs.Records.FindAsync(schedule.Tenant, key, cancellation) : null;
        if (last is { IsTerminal: false })
        {
            return definition.Overlap == OverlapPolicy.Queue ? null : await schedules.AddRunAsync(
                schedule, Outcome(dueAt, ScheduleRunStatus.Skipped, "overlap", $"{last.Id}, the job before, is still at work"), cancellation);
        }
        if (await jobs.Open.ListAsync(schedule.Tenant, cancellation).CountAsync(cancellation) >= limits.MaxActiveTrainings)
            return null;
        return await schedules.AddRunAsync(schedule, await DecideAsync(schedule, definition, dueAt, last, cancellation), cancellation);
    }

    private async Task<ScheduleRunRecord> DecideAsync(
        ScheduleRecord schedule, ScheduleDefinition definition, DateTimeOffset dueAt, FineTuningJobRecord? last, CancellationToken cancellation)
    {
        var (lastModel, seen) = last is { Status: FineTuningStatus.Succeeded }
            ? (last.FineTunedModel, await data.AddSeenAsync(schedule, last, cancellation))
            : (schedule.LastModel, schedule.Seen);
        bool onlyNew = definition.TrainingData.Select == BlobSelection.New;
        try
        {
            if (await folders.OpenAsync(definition.Folder, schedule.Tenant, cancellation) is not { } container)
                return Outcome(dueAt, ScheduleRunStatus.Failed, "container_not_found", "The container is no longer bound");
            var blobs = await data.ListAsync(container, definition.Folder.Prefix, onlyNew ? seen : null, cancellation);
            var run = blobs.Count > 0 ? Outcome(dueAt, ScheduleRunStatus.JobCreated, reason: null, message: null)
                : onlyNew ? Outcome(dueAt, ScheduleRunStatus.Skipped, "nothing_new", "No blob is new") : Outcome(dueAt, ScheduleRunStatus.Skipped, "no_data", "The folder has no data");
            (run.LastModel, run.Seen, run.NumBlobs) = (lastModel, seen, blobs.Count);
            if (blobs.Count == 0)
                return run;
            run.Model = definition.StartFrom == StartFrom.LastResult && lastModel is not null ? lastModel : definition.NewJob.Model;
            run.Sources = await data.WriteSourcesAsync(schedule, ScheduleRunRecord.Key(schedule, dueAt), blobs, cancellation);
            return run;
        }
        catch (TooMuchDataException tooMuch)
        {
            return Outcome(dueAt, ScheduleRunStatus.Failed, "too_much_data", tooMuch.Message);
        }
        catch (RequestFailedException failure) when (failure.Status is 401 or 403 or 404)
        {
            return Outcome(dueAt, ScheduleRunStatus.Failed, "folder_not_accessible", $"Storage answered {failure.Status} ({failure.ErrorCode})");
        }
    }

    /// <summary>The job of a run has the run's key: it is created once, whoever does it.</summary>
    private async Task CreateJobAsync(ScheduleRecord schedule, ScheduleDefinition definition, ScheduleRunRecord run, CancellationToken cancellation)
    {
        var job = await jobs.Records.FindAsync(schedule.Tenant, run.RowKey, cancellation);
        if (job is null)
        {
            if (await schedules.FindAsync(schedule.Tenant, schedule.Id, cancellation) is null)
                return;     // deleted while this host stood still, and the list of its data with it
            using var span = Telemetry.Source.StartActivity("schedule");
            span?.SetTag(Telemetry.Job, FineTuningJobRecord.IdPrefix + run.RowKey);
            int seed = (int)(run.DueAt.ToUnixTimeSeconds() & int.MaxValue);
            job = definition.NewJob.ToRecord(schedule.Tenant, run.RowKey, seed);
            (job.Model, job.Sources) = (run.Model!, run.Sources);
            (job.ScheduleKey, job.ScheduledFolder) = (schedule.RowKey, definition.Folder.ToJson());
            if (await jobs.AddAsync(job, cancellation))
                LogFired(logger, schedule.Id, run.DueAt, job.Id);
        }
        if (job.Status != FineTuningStatus.ValidatingFiles)
            return;
        string message = string.Create(CultureInfo.InvariantCulture, $"Created fine-tuning job: {job.Id}, for {schedule.Id} at {run.DueAt:yyyy-MM-dd HH:mm} UTC");
        await events.AddAsync(job, new FineTuningEvent(FineTuningEventKind.Created, message), cancellation);
        await queues.SendPlanTrainingAsync(job.Key, cancellation);
    }

    /// <summary>Takes an occurrence off what waits, and deletes the lists that nobody reads any more once it is off: its outcome holds, whoever still decides on older ones.</summary>
    private async Task<ScheduleRecord?> SettleAsync(ScheduleRecord schedule, ScheduleRunRecord run, CancellationToken cancellation)
    {
        string? seen = null, lastJobKey = null;
        bool isSettled = false;
        var current = await schedules.UpdateAsync(schedule, latest =>
        {
            (seen, lastJobKey) = (latest.Seen, latest.LastJobKey);
            return isSettled = Settle(latest, run);
        }, cancellation);
        if (current is null || !isSettled)
            return current;
        if (seen is not null && seen != current.Seen)
            await data.DeleteAsync(seen, cancellation);
        if (lastJobKey is not null && lastJobKey != current.LastJobKey)
            await data.DeleteSourcesAsync(current, lastJobKey, cancellation);
        return current;
    }

    private static bool Settle(ScheduleRecord schedule, ScheduleRunRecord run)
    {
        var waiting = schedule.GetWaiting().ToList();
        if (!waiting.Remove(run.DueAt))
            return false;
        schedule.SetWaiting(waiting);
        if (run.Status == ScheduleRunStatus.JobCreated)
            schedule.LastJobKey = run.RowKey;
        (schedule.LastModel, schedule.Seen) = (run.LastModel ?? schedule.LastModel, run.Seen ?? schedule.Seen);
        return true;
    }

    private ScheduleRunRecord Missed(DateTimeOffset first, DueOccurrences due)
    {
        var run = Outcome(first, ScheduleRunStatus.Missed, "missed", $"Seen more than {Occurrences.Grace.TotalMinutes} minutes too late");
        (run.NumMissed, run.ThroughAt) = (due.NumMissed, due.MissedThrough);
        return run;
    }

    private ScheduleRunRecord Outcome(DateTimeOffset dueAt, ScheduleRunStatus status, string? reason, string? message) =>
        new() { DueAt = dueAt, Status = status, Reason = reason, Message = message, CreatedAt = time.GetUtcNow() };

    [LoggerMessage(EventId = 271, Level = LogLevel.Information, Message = "{Schedule} made {Job} for {DueAt}")]
    private static partial void LogFired(ILogger logger, string schedule, DateTimeOffset dueAt, string job);

    [LoggerMessage(EventId = 272, Level = LogLevel.Error, Message = "{Schedule} could not be fired; it is tried again")]
    private static partial void LogFailed(ILogger logger, string schedule, Exception failure);
}
