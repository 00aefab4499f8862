using System.Globalization;
using Azure.Storage.Blobs.Models;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>Blobs of finished lines, one for each shard, whose counts are their metadata.</summary>
/// <param name="folder">Within the batch, with a slash at the end.</param>
internal sealed class LineBlobs(BatchFolder batch, string folder)
{
    public string Folder => folder;

    public string NameOf(int shard) => $"{folder}{shard:D6}";

    /// <returns>Null while there is no such blob.</returns>
    public async Task<(IReadOnlyList<PartLine> Lines, PartCounts Counts)?> FindAsync(int shard, CancellationToken cancellation) =>
        await batch.FindAsync(NameOf(shard), cancellation) is { } found
            ? (Lines(found.Content), PartMetadata.CountsOf(found.Details.Metadata))
            : null;

    /// <summary>By shard number.</summary>
    public async Task<Dictionary<int, FinishedWork>> ListAsync(CancellationToken cancellation)
    {
        Dictionary<int, FinishedWork> finished = [];
        var options = new GetBlobsOptions { Traits = BlobTraits.Metadata, Prefix = batch.NameOf(folder) };
        await foreach (var blob in batch.Container.GetBlobsAsync(options, cancellation))
        {
            int shard = int.Parse(blob.Name.AsSpan(options.Prefix.Length), CultureInfo.InvariantCulture);
            var counts = PartMetadata.CountsOf(blob.Metadata);
            finished[shard] = new FinishedWork(
                counts, blob.Properties.LastModified ?? default, PartMetadata.WorkerOf(blob.Metadata));
        }
        return finished;
    }

    /// <inheritdoc cref="ListAsync"/>
    public async Task<IReadOnlyDictionary<int, PartCounts>> ListCountsAsync(CancellationToken cancellation) =>
        (await ListAsync(cancellation)).ToDictionary(shard => shard.Key, shard => shard.Value.Counts);

    public static BinaryData Content(IEnumerable<PartLine> lines) =>
        BinaryData.FromString(string.Concat(lines.Select(line => line + "\n")));

    public static IReadOnlyList<PartLine> Lines(BinaryData content) =>
        [.. content.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(PartLine.Parse)];
}
