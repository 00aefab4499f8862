using LLaDA.Batch.Functions.Batches.Documents;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>The output and the error file of a batch, under the keys of its record.</summary>
internal sealed class ResultFiles(FileStore files, DocumentBatches documents, RetentionOptions retention, TimeProvider time)
{
    public ResultKeys NewKeys() => new(files.NewKey(), files.NewKey());

    /// <summary>Writes the bytes of both files, still invisible.</summary>
    /// <returns>The number of answered lines that became errors: documents that storage refused.</returns>
    public async Task<int> WriteAsync(BatchRecord batch, IAsyncEnumerable<IReadOnlyList<PartLine>> windows, CancellationToken cancellation)
    {
        if (batch.OutputFolder is not null)
            return await documents.WriteAsync(batch, files, windows, cancellation);
        await PartJoiner.JoinAsync(files, batch, windows, cancellation);
        return 0;
    }

    /// <summary>Makes the files visible, except empty ones.</summary>
    public async Task<BatchResults> PublishAsync(BatchRecord batch, PartCounts counts, CancellationToken cancellation) => new(
        counts,
        await PublishAsync(batch, batch.OutputFileKey!, "output", counts.Completed, cancellation),
        await PublishAsync(batch, batch.ErrorFileKey!, "error", counts.Failed, cancellation));

    /// <summary>Deletes what a late finish leaves of files that were deleted.</summary>
    public async Task DeleteOrphansAsync(BatchRecord batch, CancellationToken cancellation)
    {
        await files.DeleteOrphansAsync(batch.Tenant, batch.OutputFileKey!, cancellation);
        await files.DeleteOrphansAsync(batch.Tenant, batch.ErrorFileKey!, cancellation);
    }

    /// <returns>Null for an empty file: clients take it for a result.</returns>
    private async Task<string?> PublishAsync(BatchRecord batch, string key, string kind, int numLines, CancellationToken cancellation)
    {
        if (numLines == 0)
        {
            await files.DeleteBytesAsync(batch.Tenant, key, cancellation);
            return null;
        }
        var kept = batch.OutputSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : retention.KeepsFilesFor(FilePurpose.BatchOutput);
        var file = await files.AddAsync(
            batch.Tenant, key, $"{batch.Id}_{kind}.jsonl", FilePurpose.BatchOutput, time.GetUtcNow() + kept, cancellation);
        return file.Id;
    }
}
