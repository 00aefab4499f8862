using System.Globalization;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Removal;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Deletes what has been kept long enough: files, outcomes of schedules, what is left of the work on ended batches, and at last their records; and what is left of models and schedules whose removal was cut off.</summary>
internal sealed partial class RetentionTimer(
    FileStore files, BatchStore batches, ScheduleStore schedules, ScheduleDeletion deleteSchedule, ModelCatalog models, ModelRemoval removeModel, StorageAccount storage,
    RetentionOptions options, TimeProvider time, ILogger<RetentionTimer> logger)
{
    /// <summary>How often the timer fires.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <summary>How long nobody must have gone on with the removal of a model or a schedule.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    public async Task RunAsync(CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        await foreach (var file in files.Records.ScanAsync($"{nameof(FileRecord.ExpiresAt)} lt datetime'{Text(now)}'", cancellation))
        {
            await files.DeleteAsync(file.Tenant, file.RowKey, cancellation);
            LogDeleted(logger, file.Id);
        }

        await GoOnRemovingAsync(now, cancellation);
        await foreach (var schedule in schedules.Records.ScanAsync($"{nameof(ScheduleRecord.DeletedAt)} lt datetime'{Text(now - s_patience)}'", cancellation))
            await deleteSchedule.RunAsync(schedule, cancellation);
        await foreach (var run in schedules.Runs.ScanAsync($"{nameof(ScheduleRunRecord.CreatedAt)} lt datetime'{Text(now - options.ScheduleRuns)}'", cancellation))
            await schedules.Runs.DeleteAsync(run.PartitionKey, run.RowKey, cancellation);

        // No row changes after its batch has ended but by this timer, so the time of the last change is near that of the end, and a filter that storage understands.
        await foreach (var batch in batches.Records.ScanAsync($"Timestamp lt datetime'{Text(now - options.Work)}'", cancellation))
        {
            if (!batch.IsTerminal || batch.EndedAt > now - options.Work)
                continue;
            if (batch.WorkDeletedAt is null)
                await DeleteWorkAsync(batch, now, cancellation);
            if (batch.EndedAt <= now - options.Batches)
            {
                await batches.Records.DeleteAsync(batch.Tenant, batch.RowKey, cancellation);
                LogDeleted(logger, batch.Id);
            }
        }
    }

    private async Task GoOnRemovingAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        await foreach (var model in models.ListLeavingAsync(now - s_patience, cancellation))
        {
            try
            {
                await removeModel.RunAsync(model.Tenant, model.Id, isForced: false, cancellation);
            }
            catch (ModelNotRemovedException)
            {
                // It is needed, and can be named again.
            }
        }
    }

    private async Task DeleteWorkAsync(BatchRecord batch, DateTimeOffset now, CancellationToken cancellation)
    {
        await new BatchBlobs(storage, batch).DeleteAsync(cancellation);
        await batches.Records.UpdateAsync(batch.Tenant, batch.RowKey, current =>
        {
            current.WorkDeletedAt = now;
            return true;
        }, cancellation);
    }

    private static string Text(DateTimeOffset instant) => instant.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    [LoggerMessage(EventId = 241, Level = LogLevel.Information, Message = "{Id} has been kept long enough and was deleted")]
    private static partial void LogDeleted(ILogger logger, string id);
}
