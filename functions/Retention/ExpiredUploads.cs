using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Functions.Uploads;
using LLaDA.Batch.Shared.Files;

namespace LLaDA.Batch.Functions.Retention;

/// <summary>Uploads after their <c>expires_at</c>, with the bytes of those that became no file.</summary>
internal sealed class ExpiredUploads(
    UploadStore uploads, UploadBlocks blocks, FileStore files, RowByRow rows, ILogger<ExpiredUploads> logger) : IPurge
{
    /// <summary>A completion that began in time may take this long.</summary>
    private static readonly TimeSpan s_completionTime = TimeSpan.FromHours(1);

    public async Task RunAsync(DateTimeOffset now, CancellationToken cancellation)
    {
        string filter = RetentionFilter.Before(nameof(UploadRecord.ExpiresAt), now - s_completionTime);
        await foreach (var upload in uploads.Records.ScanAsync(filter, cancellation))
            await rows.TryAsync(RetentionTimer.Name, upload.Id, () => DeleteAsync(upload, cancellation), cancellation);
    }

    private async Task DeleteAsync(UploadRecord upload, CancellationToken cancellation)
    {
        bool isFile = upload.State == UploadState.Completed
            || await files.Records.FindAsync(upload.Tenant, upload.RowKey, cancellation) is not null;
        if (!isFile)
            await blocks.DeleteAsync(upload, cancellation);
        await uploads.DeletePartsAsync(upload, cancellation);
        await uploads.Records.DeleteAsync(upload.Tenant, upload.RowKey, cancellation);
        RetentionLog.Deleted(logger, upload.Id);
    }
}
