using Azure;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>
/// Joins the blobs of a scheduled job, JSON Lines each, into its training file. May run twice, even at once: the file is written once.
/// </summary>
internal sealed class ScheduledFileAssembly(
    FileStore files,
    FineTuningStore jobs,
    FineTuningEvents events,
    BlobFolders folders,
    SourceLists sources,
    ServiceLimits limits,
    RetentionOptions retention,
    TimeProvider time)
{
    private const int MaxNamed = 5;

    /// <summary>Adds errors where the job cannot be trained; invalid lines are named by their blob.</summary>
    /// <returns>The id of the training file; null where there is an error, or where the job has left its first state.</returns>
    public async Task<string?> RunAsync(FineTuningJobRecord job, TrainingFileErrors errors, CancellationToken cancellation)
    {
        var (blobs, container) = await OpenAsync(job, cancellation);
        if (blobs is null || container is null)
        {
            string message = blobs is null ? "The schedule was deleted before its data was read" : "The container is no longer bound";
            errors.Add("training_data_not_found", message);
            return null;
        }
        if (await WriteAsync(job, container, blobs, errors, cancellation) is not { } changed)
            return null;
        var expiresAt = time.GetUtcNow() + retention.ScheduledFiles;
        var file = await files.AddAsync(job.Tenant, job.RowKey, $"{job.Id}.jsonl", FilePurpose.FineTune, expiresAt, cancellation);
        await events.AddAsync(job, new FineTuningEvent(FineTuningEventKind.Gathered, Summary(blobs.Count, changed)), cancellation);
        var update = await jobs.UpdateAsync(job, current => current.TrySetTrainingFile(file.Id), cancellation);
        return update is { Written: true, Row.Status: FineTuningStatus.ValidatingFiles } ? file.Id : null;
    }

    private async Task<(IReadOnlyList<ScheduledBlob>? Blobs, BlobContainerClient? Container)> OpenAsync(
        FineTuningJobRecord job, CancellationToken cancellation)
    {
        try
        {
            var blobs = await sources.ReadAsync(job.Sources!, cancellation);
            return (blobs, await folders.OpenAsync(BlobFolder.FromJson(job.ScheduledFolder!), job.Tenant, cancellation));
        }
        catch (ListLostException)
        {
            return (null, null);
        }
    }

    /// <returns>The names of blobs that are left to the next run; null where there is an error.</returns>
    private async Task<IReadOnlyList<string>?> WriteAsync(
        FineTuningJobRecord job,
        BlobContainerClient container,
        IReadOnlyList<ScheduledBlob> blobs,
        TrainingFileErrors errors,
        CancellationToken cancellation)
    {
        List<string> changed = [];
        await using var file = files.Write(job.Tenant, job.RowKey, cancellation);
        foreach (var blob in blobs)
        {
            if (!await AppendAsync(container, blob, job.Method, file.Content, errors, cancellation))
                changed.Add(blob.Name);
        }
        if (changed.Count == blobs.Count)
            errors.Add("training_data_changed", "All of the data was changed, archived or deleted before it was read");
        if (errors.Any)
            return null;
        await file.CompleteAsync();
        return changed;
    }

    /// <returns>False when the blob is no longer the version that was listed: its new version is for the next run.</returns>
    private async Task<bool> AppendAsync(
        BlobContainerClient container,
        ScheduledBlob blob,
        FineTuningMethod method,
        Stream file,
        TrainingFileErrors errors,
        CancellationToken cancellation)
    {
        try
        {
            var options = new BlobDownloadOptions { Conditions = new BlobRequestConditions { IfMatch = new ETag(blob.ETag) } };
            using var download = (await container.GetBlobClient(blob.Name).DownloadStreamingAsync(options, cancellation)).Value;
            await foreach (var line in JsonLines.ReadAsync(download.Content, limits.MaxLineBytes, cancellation))
            {
                if (TrainingLine.Fault(line, method) is { } error)
                    errors.Add("invalid_training_data", $"{blob.Name}, line {line.Number}: {error}");
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

    private static string Summary(int count, IReadOnlyList<string> changed)
    {
        string joined = $"Gathered {count - changed.Count} blobs";
        if (changed.Count == 0)
            return joined;
        string names = string.Join(", ", changed.Take(MaxNamed)) + (changed.Count > MaxNamed ? ", ..." : "");
        return $"{joined}; {changed.Count} were changed, archived or deleted meanwhile and are left to the next run: {names}";
    }
}
