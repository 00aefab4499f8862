using System.Globalization;
using Azure.Storage.Blobs.Models;
using LLaDA.Batch.Shared.Observability;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>The parts of a batch: each holds the answers of a shard, and is written once.</summary>
public sealed class PartBlobs
{
    private readonly BatchFolder _folder;
    private readonly LineBlobs _lines;

    internal PartBlobs(BatchFolder folder) => (_folder, _lines) = (folder, new LineBlobs(folder, "parts/"));

    public async Task<bool> ExistsAsync(int shard, CancellationToken cancellation) =>
        await _folder.Blob(_lines.NameOf(shard)).ExistsAsync(cancellation);

    /// <returns>False when the part exists already: this one is dropped.</returns>
    /// <param name="worker">The name of the worker; null where no worker ran the lines.</param>
    public async Task<bool> WriteAsync(
        int shard, IEnumerable<PartLine> lines, PartCounts counts, CancellationToken cancellation, string? worker = null)
    {
        PartLine[] all = [.. lines];
        bool isWritten = await _folder.WriteOnceAsync(
            _lines.NameOf(shard), LineBlobs.Content(all), PartMetadata.Of(counts, all, worker), cancellation);
        if (isWritten)
        {
            Telemetry.Lines.Add(counts.Completed, Telemetry.With(Telemetry.Outcome, "completed"));
            Telemetry.Lines.Add(counts.Failed, Telemetry.With(Telemetry.Outcome, "failed"));
        }
        return isWritten;
    }

    public async Task<IReadOnlyList<PartLine>> ReadAsync(int shard, CancellationToken cancellation) =>
        LineBlobs.Lines((await _folder.Blob(_lines.NameOf(shard)).DownloadContentAsync(cancellation)).Value.Content);

    /// <returns>Null while there is no such part.</returns>
    public Task<(IReadOnlyList<PartLine> Lines, PartCounts Counts)?> FindAsync(int shard, CancellationToken cancellation) =>
        _lines.FindAsync(shard, cancellation);

    /// <summary>The counts of a part that exists.</summary>
    public async Task<PartCounts> ReadCountsAsync(int shard, CancellationToken cancellation)
    {
        var properties = await _folder.Blob(_lines.NameOf(shard)).GetPropertiesAsync(cancellationToken: cancellation);
        return PartMetadata.CountsOf(properties.Value.Metadata);
    }

    /// <summary>The parts that exist, by shard number.</summary>
    public Task<IReadOnlyDictionary<int, PartCounts>> ListAsync(CancellationToken cancellation) => _lines.ListCountsAsync(cancellation);

    /// <param name="before">Counts the parts of shards with a lower number only: those behind have parts that no worker wrote.</param>
    public async Task<int> CountAsync(CancellationToken cancellation, int before = int.MaxValue)
    {
        int count = 0;
        var options = new GetBlobsOptions { Prefix = _folder.NameOf(_lines.Folder) };
        await foreach (var part in _folder.Container.GetBlobsAsync(options, cancellation))
        {
            if (int.Parse(part.Name[options.Prefix.Length..], CultureInfo.InvariantCulture) < before)
                count++;
        }
        return count;
    }

    internal Task<Dictionary<int, FinishedWork>> ListWorkAsync(CancellationToken cancellation) => _lines.ListAsync(cancellation);
}
