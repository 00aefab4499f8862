using System.Text;
using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>Joins the blobs of a scheduled job, JSON Lines each, into its training file. May run twice, even at once: the file is written once.</summary>
internal sealed class ScheduledFileAssembly(
    FileStore files, FineTuningStore jobs, FineTuningEvents events, BlobFolders folders, SourceLists data, ServiceLimits limits, RetentionOptions retention, TimeProvider time)
{
    private const int MaxNamed = 5;

    /// <summary>Adds to the faults what keeps the job from being trained; bad lines are named by their blob.</summary>
    /// <returns>The job as it is now, with its training file; null where there is a fault.</returns>
    public async Task<FineTuningJobRecord?> RunAsync(FineTuningJobRecord job, TrainingFileErrors faults, CancellationToken cancellation)
    {
        var (blobs, container) = await OpenAsync(job, cancellation);
        if (blobs is null || container is null)
        {
            faults.Add("training_data_not_found", blobs is null ? "The schedule was deleted before its data was read" : "The container is no longer bound");
            return null;
        }
        List<string> changed = [];
        await using (var file = files.Write(job.Tenant, job.RowKey, cancellation))
        {
            foreach (var blob in blobs)
            {
                if (!await AppendAsync(container, blob, job.Method, file.Content, faults, cancellation))
                    changed.Add(blob.Name);
            }
            if (changed.Count == blobs.Count)
                faults.Add("training_data_changed", "All of the data was changed, archived or deleted before it was read");
            if (faults.Any)
                return null;
            await file.CompleteAsync();
        }
        var record = await files.AddAsync(job.Tenant, job.RowKey, $"{job.Id}.jsonl", FilePurpose.FineTune, time.GetUtcNow() + retention.ScheduledFiles, cancellation);
        await events.AddAsync(job, step: 0, run: 0, FineTuningEventKind.Gathered, Summary(blobs.Count, changed), cancellation);
        return await jobs.UpdateAsync(job, current =>
        {
            current.TrainingFileId = record.Id;
            return true;
        }, cancellation);
    }

    private async Task<(IReadOnlyList<ScheduledBlob>? Blobs, BlobContainerClient? Container)> OpenAsync(FineTuningJobRecord job, CancellationToken cancellation)
    {
        try
        {
            var blobs = await data.ReadAsync(job.Sources!, cancellation);
            return (blobs, await folders.OpenAsync(BlobFolder.FromJson(job.ScheduledFolder!), job.Tenant, cancellation));
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return (null, null);
        }
    }

    /// <returns>False when the blob is not what was listed any more: its new state is for the next run.</returns>
    private async Task<bool> AppendAsync(BlobContainerClient container, ScheduledBlob blob, FineTuningMethod method, Stream file, TrainingFileErrors faults, CancellationToken cancellation)
    {
        try
        {
            var options = new BlobDownloadOptions { Conditions = new BlobRequestConditions { IfMatch = new ETag(blob.ETag) } };
            using var download = (await container.GetBlobClient(blob.Name).DownloadStreamingAsync(options, cancellation)).Value;
            await foreach (var line in JsonLines.ReadAsync(download.Content, limits.MaxLineBytes, cancellation))
            {
                if (TrainingLine.Fault(line, method) is { } fault)
                    faults.Add("invalid_training_data", $"{blob.Name}, line {line.Number}: {fault}");
                else
                    await file.WriteAsync((byte[])[.. line.Bytes!, (byte)'\n'], cancellation);
            }
            return true;
        }
        catch (RequestFailedException failure) when (failure.Status is 404 or 412 || failure.ErrorCode == BlobErrorCode.BlobArchived)
        {
            return false;
        }
    }

    private static string Summary(int count, List<string> changed)
    {
        var text = new StringBuilder($"Gathered {count - changed.Count} blobs");
        if (changed.Count > 0)
            text.Append($"; {changed.Count} were changed, archived or deleted meanwhile and are left to the next run: {string.Join(", ", changed.Take(MaxNamed))}{(changed.Count > MaxNamed ? ", ..." : "")}");
        return text.ToString();
    }
}
