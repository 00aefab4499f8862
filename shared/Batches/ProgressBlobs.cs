using Azure.Storage.Blobs.Models;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>What an owner of a shard keeps for the next one; guarded by the shard's lease.</summary>
public sealed class ProgressBlobs
{
    private readonly BatchFolder _folder;
    private readonly LineBlobs _lines;

    internal ProgressBlobs(BatchFolder folder) => (_folder, _lines) = (folder, new LineBlobs(folder, "progress/"));

    /// <summary>Keeps the finished lines of a shard.</summary>
    /// <param name="worker">The name of the worker; null where no worker ran the lines.</param>
    public Task WriteAsync(
        int shard, IReadOnlyCollection<PartLine> lines, PartCounts counts, CancellationToken cancellation, string? worker = null) =>
        _folder.Blob(_lines.NameOf(shard)).UploadAsync(
            LineBlobs.Content(lines), new BlobUploadOptions { Metadata = PartMetadata.Of(counts, lines, worker) }, cancellation);

    /// <summary>The lines that a previous owner of the shard had finished.</summary>
    public async Task<(IReadOnlyList<PartLine> Lines, PartCounts Counts)> ReadAsync(int shard, CancellationToken cancellation) =>
        await _lines.FindAsync(shard, cancellation) is (var lines, var counts)
            ? (lines, counts with { InWork = 0 })
            : ([], PartCounts.None);

    /// <summary>The stored progress, by shard number; that of a shard with a part is out of date.</summary>
    public Task<IReadOnlyDictionary<int, PartCounts>> ListAsync(CancellationToken cancellation) => _lines.ListCountsAsync(cancellation);

    /// <summary>Keeps what of unfinished lines is done.</summary>
    public Task WriteUnfinishedAsync(int shard, IReadOnlyList<UnfinishedLine> lines, CancellationToken cancellation) =>
        _folder.WriteJsonAsync(UnfinishedName(shard), lines, cancellation);

    /// <summary>
    /// What a previous owner of the shard had done of unfinished lines; of lines that are finished by now, it is out of date.
    /// </summary>
    public async Task<IReadOnlyList<UnfinishedLine>> ReadUnfinishedAsync(int shard, CancellationToken cancellation) =>
        await _folder.FindJsonAsync<List<UnfinishedLine>>(UnfinishedName(shard), cancellation) ?? [];

    internal Task<Dictionary<int, FinishedWork>> ListWorkAsync(CancellationToken cancellation) => _lines.ListAsync(cancellation);

    private static string UnfinishedName(int shard) => $"unfinished/{shard:D6}";
}
