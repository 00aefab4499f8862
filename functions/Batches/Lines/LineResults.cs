using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Lines;

/// <summary>Opens the lines of a batch: from its shards and parts as long as these are kept, and then from its files.</summary>
internal sealed class LineResults(
    StorageAccount storage, FileStore files, RetentionOptions retention, ServiceLimits limits, TimeProvider time)
{
    /// <param name="after">Lines with a higher number only.</param>
    /// <returns>
    /// In the order of the input. No line before the batch is planned, and none of a batch that failed before, whose errors are on its
    /// object.
    /// </returns>
    /// <exception cref="ApiException">410: a file that is needed was deleted.</exception>
    public async Task<IAsyncEnumerable<LineResult>> OpenAsync(BatchRecord batch, int after, CancellationToken cancellation)
    {
        bool isFolder = batch.InputFolder is not null;
        bool isKept = !batch.IsTerminal || (!isFolder && time.GetUtcNow() < batch.EndedAt + retention.Work);
        var blobs = new BatchBlobs(storage, batch);
        if (isKept && await blobs.FindPlanAsync(cancellation) is { } plan)
            return ShardResults.ReadAsync(blobs, plan, hasInputs: !isFolder, after, cancellation);
        if (batch is { OutputFileId: null, ErrorFileId: null })
            return AsyncEnumerable.Empty<LineResult>();
        var input = isFolder ? null : await FindAsync(batch, batch.InputFileId!, cancellation);
        var output = batch.OutputFileId is { } outputId ? await FindAsync(batch, outputId, cancellation) : null;
        var errors = batch.ErrorFileId is { } errorsId ? await FindAsync(batch, errorsId, cancellation) : null;
        return new FileResults(files, limits, input, output, errors).ReadAsync(after, cancellation);
    }

    private async Task<FileRecord> FindAsync(BatchRecord batch, string id, CancellationToken cancellation) =>
        await files.FindAsync(batch.Tenant, id, cancellation) ?? throw new ApiException(
            StatusCodes.Status410Gone,
            new ApiError(
                $"The lines of {batch.Id} cannot be shown any more: {id} was deleted or has expired",
                "invalid_request_error",
                Param: null,
                "results_deleted"));
}
