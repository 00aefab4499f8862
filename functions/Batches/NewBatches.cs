using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// Creates batches, and the input files of those whose requests did not come in a file. Both are idempotent by the key of the batch, which
/// is that of its file too.
/// </summary>
internal sealed class NewBatches(
    BatchStore batches,
    FileStore files,
    PlanTurns<OpenBatchRow, BatchRecord> turns,
    BatchQuota quota,
    RetentionOptions retention,
    TimeProvider time)
{
    /// <summary>Writes the batch and starts its planning.</summary>
    /// <param name="batch">With its key.</param>
    /// <returns>The batch as it is stored, which may be that of an earlier try.</returns>
    /// <exception cref="Http.ApiException">429: there is no room for it.</exception>
    public async Task<BatchRecord> AddAsync(BatchRecord batch, long inputBytes, CancellationToken cancellation)
    {
        await quota.RequireRoomAsync(batch.Tenant, inputBytes, cancellation);
        batch.Status = BatchStatus.Validating;
        await batches.AddAsync(batch, inputBytes, cancellation);
        await turns.FillAsync(batch.Tenant, cancellation);
        return batch.ETag == default ? await batches.FindAsync(batch.Key, cancellation) ?? batch : batch;
    }

    /// <summary>Writes an input file and the batch that reads it; a batch for which there is no room leaves no file behind.</summary>
    /// <param name="batch">With its key.</param>
    /// <param name="lines">Lines of the file, without line ends.</param>
    /// <returns>As above; null when there is no line, and nothing was created.</returns>
    /// <exception cref="Http.ApiException">429: there is no room for the batch.</exception>
    public async Task<BatchRecord?> AddAsync(
        BatchRecord batch, string filename, IAsyncEnumerable<ReadOnlyMemory<byte>> lines, CancellationToken cancellation)
    {
        await quota.RequireRoomAsync(batch.Tenant, inputBytes: 0, cancellation);
        if (!await WriteAsync(batch, lines, cancellation))
            return null;
        try
        {
            var kept = time.GetUtcNow() + retention.KeepsFilesFor(FilePurpose.Batch);
            var input = await files.AddAsync(batch.Tenant, batch.RowKey, filename, FilePurpose.Batch, kept, cancellation);
            batch.InputFileId = input.Id;
            return await AddAsync(batch, input.Bytes, cancellation);
        }
        catch
        {
            if (await batches.FindAsync(batch.Key, CancellationToken.None) is null)
                await files.DeleteAsync(batch.Tenant, batch.RowKey, CancellationToken.None);
            throw;
        }
    }

    private async Task<bool> WriteAsync(
        BatchRecord batch, IAsyncEnumerable<ReadOnlyMemory<byte>> lines, CancellationToken cancellation)
    {
        bool any = false;
        await using var writer = files.Write(batch.Tenant, batch.RowKey, cancellation);
        await foreach (var line in lines)
        {
            any = true;
            await writer.Content.WriteAsync(line, cancellation);
            await writer.Content.WriteAsync("\n"u8.ToArray(), cancellation);
        }
        if (any)
            await writer.CompleteAsync();
        return any;
    }
}
