using System.Globalization;
using Azure;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Schedules;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary>
/// Turns each due occurrence of each schedule into one job, or one recorded reason why not. Any number of hosts may fire at once and may
/// die at any point: an occurrence is taken by a conditional write on its schedule, its outcome is written once under a key that derives
/// from both, and all hosts act on the stored outcome.
/// </summary>
internal sealed partial class ScheduleTimer
{
    /// <summary>How often the timer fires.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    private const int Concurrency = 8;

    private readonly ScheduleStore _schedules;
    private readonly SourceLists _lists;
    private readonly BlobFolders _folders;
    private readonly FineTuningStore _jobs;
    private readonly FineTuningEvents _events;
    private readonly TrainingTurns _turns;
    private readonly ServiceLimits _limits;
    private readonly RowByRow _rows;
    private readonly TimeProvider _time;
    private readonly ILogger<ScheduleTimer> _logger;

    public ScheduleTimer(
        ScheduleStore schedules,
        SourceLists lists,
        BlobFolders folders,
        FineTuningStore jobs,
        FineTuningEvents events,
        TrainingTurns turns,
        ServiceLimits limits,
        RowByRow rows,
        TimeProvider time,
        ILogger<ScheduleTimer> logger)
    {
        _schedules = schedules;
        _lists = lists;
        _folders = folders;
        _jobs = jobs;
        _events = events;
        _turns = turns;
        _limits = limits;
        _rows = rows;
        _time = time;
        _logger = logger;
    }

    public async Task RunAsync(CancellationToken cancellation)
    {
        var due = await _schedules.ListDueAsync(_time.GetUtcNow(), cancellation).ToListAsync(cancellation);
        var options = new ParallelOptions { MaxDegreeOfParallelism = Concurrency, CancellationToken = cancellation };
        await Parallel.ForEachAsync(due, options, async (schedule, stop) =>
            await _rows.TryAsync("fire-schedules", schedule.Id, () => FireAsync(schedule, stop), stop));
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

    /// <summary>Moves due occurrences from the schedule's future to its queue; missed ones get their outcome at once.</summary>
    private async Task<ScheduleRecord?> TakeAsync(ScheduleRecord schedule, CancellationToken cancellation)
    {
        var current = schedule;
        while (current is { IsPaused: false } seen && seen.NextAt <= _time.GetUtcNow())
        {
            var definition = ScheduleDefinition.FromJson(seen.Definition);
            int room = ScheduleRecord.MaxWaiting - seen.NumWaiting;
            var due = definition.Occurrences.Due(seen.NextAt, _time.GetUtcNow(), definition.Missed, room);
            var (toRun, next) = (due.ToRun, due.Next);
            if (due.NumMissed > 0)
            {
                var run = await _schedules.AddRunAsync(seen, Missed(seen.NextAt, due), cancellation);
                if (run.ThroughAt is { } through)   // another host may have looked at another _time; its outcome holds
                    (toRun, next) = ([], definition.Occurrences.Next(through) ?? DateTimeOffset.MaxValue);
            }
            else if (toRun.Count == 0)
            {
                return seen;    // the queue is full
            }
            current = await _schedules.UpdateAsync(seen, latest =>
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
    private async Task<ScheduleRunRecord?> OutcomeAsync(
        ScheduleRecord schedule, ScheduleDefinition definition, DateTimeOffset dueAt, CancellationToken cancellation)
    {
        if (await _schedules.FindRunAsync(schedule, dueAt, cancellation) is { } known)
            return known;
        var last = schedule.LastJobKey is { } key ? await _jobs.Records.FindAsync(schedule.Tenant, key, cancellation) : null;
        if (last is { IsTerminal: false })
        {
            if (definition.Overlap == OverlapPolicy.Queue)
                return null;
            var skipped = Outcome(dueAt, ScheduleRunStatus.Skipped, "overlap", $"The previous job, {last.Id}, has not ended");
            return await _schedules.AddRunAsync(schedule, skipped, cancellation);
        }
        if (await _jobs.Open.ListAsync(schedule.Tenant, cancellation).CountAsync(cancellation) >= _limits.MaxActiveTrainings)
            return null;
        return await _schedules.AddRunAsync(schedule, await DecideAsync(schedule, definition, dueAt, last, cancellation), cancellation);
    }

    private async Task<ScheduleRunRecord> DecideAsync(
        ScheduleRecord schedule,
        ScheduleDefinition definition,
        DateTimeOffset dueAt,
        FineTuningJobRecord? last,
        CancellationToken cancellation)
    {
        var (lastModel, seen) = (schedule.LastModel, schedule.Seen);
        bool onlyNew = definition.TrainingData.Select == BlobSelection.New;
        try
        {
            if (last is { Status: FineTuningStatus.Succeeded })
                (lastModel, seen) = (last.FineTunedModel, await _lists.AddSeenAsync(schedule, last, cancellation));
            if (await _folders.OpenAsync(definition.Folder, schedule.Tenant, cancellation) is not { } container)
                return Outcome(dueAt, ScheduleRunStatus.Failed, "container_not_found", "The container is no longer bound");
            var blobs = await _lists.ListAsync(container, definition.Folder.Prefix, onlyNew ? seen : null, cancellation);
            var run = blobs.Count > 0 ? Outcome(dueAt, ScheduleRunStatus.JobCreated, reason: null, message: null)
                : onlyNew ? Outcome(dueAt, ScheduleRunStatus.Skipped, "nothing_new", "No blob is new")
                : Outcome(dueAt, ScheduleRunStatus.Skipped, "no_data", "The folder has no data");
            (run.LastModel, run.Seen, run.NumBlobs) = (lastModel, seen, blobs.Count);
            if (blobs.Count == 0)
                return run;
            run.Model = definition.StartFrom == StartFrom.LastResult && lastModel is not null ? lastModel : definition.NewJob.Model;
            run.Sources = await _lists.WriteSourcesAsync(schedule, ScheduleRunRecord.Key(schedule, dueAt), blobs, cancellation);
            return run;
        }
        catch (ListLostException lost)
        {
            return Outcome(dueAt, ScheduleRunStatus.Failed, "list_lost", lost.Message);
        }
        catch (TooMuchDataException tooMuch)
        {
            return Outcome(dueAt, ScheduleRunStatus.Failed, "too_much_data", tooMuch.Message);
        }
        catch (RequestFailedException failure) when (failure.Status is 401 or 403 or 404)
        {
            return Outcome(
                dueAt, ScheduleRunStatus.Failed, "folder_not_accessible", $"Storage answered {failure.Status} ({failure.ErrorCode})");
        }
    }

    /// <summary>The job of a run has the run's key, so concurrent hosts create it once.</summary>
    private async Task CreateJobAsync(
        ScheduleRecord schedule, ScheduleDefinition definition, ScheduleRunRecord run, CancellationToken cancellation)
    {
        var job = await _jobs.Records.FindAsync(schedule.Tenant, run.RowKey, cancellation);
        if (job is null)
        {
            if (await _schedules.FindAsync(schedule.Tenant, schedule.Id, cancellation) is null)
                return;     // deleted while this host stalled, together with the list of its data
            using var span = Telemetry.Source.StartActivity("schedule");
            span?.SetTag(Telemetry.Job, FineTuningJobRecord.IdPrefix + run.RowKey);
            int seed = (int)(run.DueAt.ToUnixTimeSeconds() & int.MaxValue);
            job = definition.NewJob.ToRecord(schedule.Tenant, run.RowKey, seed);
            (job.Model, job.Sources) = (run.Model!, run.Sources);
            (job.ScheduleKey, job.ScheduledFolder) = (schedule.RowKey, definition.Folder.ToJson());
            if (await _jobs.AddAsync(job, cancellation))
                LogFired(_logger, schedule.Id, run.DueAt, job.Id);
        }
        if (job.Status != FineTuningStatus.ValidatingFiles)
            return;
        string dueAt = run.DueAt.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        string message = $"Created fine-tuning job: {job.Id}, for {schedule.Id} at {dueAt} UTC";
        await _events.AddAsync(job, new FineTuningEvent(FineTuningEventKind.Created, message), cancellation);
        await _turns.Plans.FillAsync(job.Tenant, cancellation);
    }

    /// <summary>
    /// Dequeues a decided occurrence, then deletes the blob lists it superseded. Safe with concurrent hosts: the stored outcome wins.
    /// </summary>
    private async Task<ScheduleRecord?> SettleAsync(ScheduleRecord schedule, ScheduleRunRecord run, CancellationToken cancellation)
    {
        string? seen = null, lastJobKey = null;
        bool isSettled = false;
        var current = await _schedules.UpdateAsync(schedule, latest =>
        {
            (seen, lastJobKey) = (latest.Seen, latest.LastJobKey);
            return isSettled = Settle(latest, run);
        }, cancellation);
        if (current is null || !isSettled)
            return current;
        if (seen is not null && seen != current.Seen)
            await _lists.DeleteAsync(seen, cancellation);
        if (lastJobKey is not null && lastJobKey != current.LastJobKey)
            await _lists.DeleteSourcesAsync(current, lastJobKey, cancellation);
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
        var run = Outcome(first, ScheduleRunStatus.Missed, "missed", $"No host saw it within {Occurrences.Grace.TotalMinutes} minutes");
        (run.NumMissed, run.ThroughAt) = (due.NumMissed, due.MissedThrough);
        return run;
    }

    private ScheduleRunRecord Outcome(DateTimeOffset dueAt, ScheduleRunStatus status, string? reason, string? message) =>
        new() { DueAt = dueAt, Status = status, Reason = reason, Message = message, CreatedAt = _time.GetUtcNow() };

    [LoggerMessage(EventId = 271, Level = LogLevel.Information, Message = "{Schedule} made {Job} for {DueAt}")]
    private static partial void LogFired(ILogger logger, string schedule, DateTimeOffset dueAt, string job);
}
