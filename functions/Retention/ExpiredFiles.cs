using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Shared.Files;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Files after their <c>expires_at</c>.</summary>
internal sealed class ExpiredFiles(FileStore files, RowByRow rows, ILogger<ExpiredFiles> logger) : IPurge
{
    public async Task RunAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        await foreach (var file in files.Records.ScanAsync(RetentionFilter.Before(nameof(FileRecord.ExpiresAt), now), cancellation))
            await rows.TryAsync(RetentionTimer.Name, file.Id, () => DeleteAsync(file, cancellation), cancellation);
    }

    private async Task DeleteAsync(FileRecord file, CancellationToken cancellation)
    {
        await files.DeleteAsync(file.Tenant, file.RowKey, cancellation);
        RetentionLog.Deleted(logger, file.Id);
    }
}
