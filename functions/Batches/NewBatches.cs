using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Queues;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Creates batches, and the input files of those whose requests did not come in a file.</summary>
internal sealed class NewBatches(
    BatchStore batches, FileStore files, WorkQueues queues, BatchQuota quota, RetentionOptions retention, TimeProvider time)
{
    /// <summary>Writes the batch and starts its planning.</summary>
    /// <exception cref="Http.ApiException">429: there is no room for it.</exception>
    public async Task AddAsync(BatchRecord batch, long inputBytes, CancellationToken cancellation)
    {
        await quota.RequireRoomAsync(batch.Tenant, inputBytes, cancellation);
        batch.Status = BatchStatus.Validating;
        await batches.AddAsync(batch, inputBytes, cancellation);
        await queues.SendPlanAsync(batch.Key, cancellation);
    }

    /// <summary>Writes an input file and the batch that reads it; a batch for which there is no room leaves no file behind.</summary>
    /// <param name="lines">Lines of the file, without line ends.</param>
    /// <returns>False when there is no line: nothing was created.</returns>
    /// <exception cref="Http.ApiException">429: there is no room for the batch.</exception>
    public async Task<bool> AddAsync(
        BatchRecord batch, string filename, IAsyncEnumerable<ReadOnlyMemory<byte>> lines, CancellationToken cancellation)
    {
        await quota.RequireRoomAsync(batch.Tenant, inputBytes: 0, cancellation);
        string key = files.NewKey();
        bool any = false;
        await using (var writer = files.Write(batch.Tenant, key, cancellation))
        {
            await foreach (var line in lines)
            {
                any = true;
                await writer.Content.WriteAsync(line, cancellation);
                await writer.Content.WriteAsync("\n"u8.ToArray(), cancellation);
            }
            if (!any)
                return false;
            await writer.CompleteAsync();
        }
        try
        {
            var kept = time.GetUtcNow() + retention.KeepsFilesFor(FilePurpose.Batch);
            var input = await files.AddAsync(batch.Tenant, key, filename, FilePurpose.Batch, kept, cancellation);
            batch.InputFileId = input.Id;
            await AddAsync(batch, input.Bytes, cancellation);
            return true;
        }
        catch when (batch.ETag == default)      // the batch was not written
        {
            await files.DeleteAsync(batch.Tenant, key, CancellationToken.None);
            throw;
        }
    }
}
