using System.Globalization;
using Azure;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Schedules;

/// <summary>The records of schedules and of their runs.</summary>
public sealed class ScheduleStore(StorageAccount storage)
{
    public TableOf<ScheduleRecord> Records { get; } = new(storage.Table(StorageNames.SchedulesTable));

    public TableOf<ScheduleRunRecord> Runs { get; } = new(storage.Table(StorageNames.ScheduleRunsTable));

    public async Task<ScheduleRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        SortableKey.Parse(id, ScheduleRecord.IdPrefix) is { } key
        && await Records.FindAsync(tenant, key, cancellation) is { DeletedAt: null } schedule ? schedule : null;

    /// <returns>The schedule as it is now; null when it is deleted.</returns>
    public async Task<ScheduleRecord?> UpdateAsync(
        ScheduleRecord schedule, Func<ScheduleRecord, bool> change, CancellationToken cancellation)
    {
        var update = await Records.UpdateAsync(
            schedule.Tenant, schedule.RowKey, current => current.DeletedAt is null && change(current), cancellation);
        return update.Row is { DeletedAt: null } updated ? updated : null;
    }

    /// <summary>The schedules of all tenants that have something to do.</summary>
    public IAsyncEnumerable<ScheduleRecord> ListDueAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        string instant = now.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffffZ", CultureInfo.InvariantCulture);
        string isDue = $"{nameof(ScheduleRecord.NextAt)} le datetime'{instant}' or {nameof(ScheduleRecord.NumWaiting)} gt 0";
        return Records.ScanAsync($"{nameof(ScheduleRecord.IsPaused)} eq false and ({isDue})", cancellation);
    }

    public Task<ScheduleRunRecord?> FindRunAsync(ScheduleRecord schedule, DateTimeOffset dueAt, CancellationToken cancellation) =>
        Runs.FindAsync(ScheduleRunRecord.Partition(schedule), ScheduleRunRecord.Key(schedule, dueAt), cancellation);

    /// <summary>Writes the outcome of an occurrence, unless one exists already.</summary>
    /// <returns>The outcome that is stored.</returns>
    public async Task<ScheduleRunRecord> AddRunAsync(ScheduleRecord schedule, ScheduleRunRecord run, CancellationToken cancellation)
    {
        (run.PartitionKey, run.RowKey) = (ScheduleRunRecord.Partition(schedule), ScheduleRunRecord.Key(schedule, run.DueAt));
        try
        {
            await Runs.AddAsync(run, cancellation);
            return run;
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            // It is missing again only when the schedule was deleted.
            return await Runs.FindAsync(run.PartitionKey, run.RowKey, cancellation) ?? run;
        }
    }

    /// <summary>Marks a schedule as deleted: it is neither found nor fired any more.</summary>
    /// <returns>The schedule as it was last; null when its row does not exist.</returns>
    public async Task<ScheduleRecord?> MarkDeletedAsync(ScheduleRecord schedule, DateTimeOffset now, CancellationToken cancellation)
    {
        var update = await Records.UpdateAsync(schedule.Tenant, schedule.RowKey, current =>
        {
            if (current.DeletedAt is not null)
                return false;
            (current.DeletedAt, current.IsPaused) = (now, true);
            return true;
        }, cancellation);
        return update.Row;
    }

    /// <summary>Deletes the outcomes of a schedule, whose jobs stay, and last its row.</summary>
    public async Task DeleteAsync(ScheduleRecord schedule, CancellationToken cancellation)
    {
        await foreach (var run in Runs.ListAsync(ScheduleRunRecord.Partition(schedule), after: null, cancellation))
            await Runs.DeleteAsync(run.PartitionKey, run.RowKey, cancellation);
        await Records.DeleteAsync(schedule.Tenant, schedule.RowKey, cancellation);
    }
}
