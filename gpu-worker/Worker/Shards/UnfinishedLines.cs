using System.Collections.Concurrent;
using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Requests;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>What of a shard's unfinished lines is done. Safe for use by several threads.</summary>
internal sealed class UnfinishedLines
{
    private readonly ConcurrentDictionary<int, LineProgress> _lines;

    /// <param name="stored">Of a previous owner.</param>
    public UnfinishedLines(IEnumerable<UnfinishedLine> stored) => _lines = new(stored.Select(
        line => KeyValuePair.Create(line.Line, new LineProgress(line.State.Deserialize<LineState>(WireJson.Options)!, line.Share))));

    /// <summary>The finished shares of the lines, in lines.</summary>
    public double Share => _lines.Values.Sum(line => line.Share);

    /// <summary>The states of the lines, for the next owner.</summary>
    public IReadOnlyList<UnfinishedLine> ToStored() =>
    [
        .. _lines.Where(line => line.Value.Share > 0).OrderBy(line => line.Key).Select(line => new UnfinishedLine(
            line.Key, line.Value.Share, JsonSerializer.SerializeToElement(line.Value.State, WireJson.Options))),
    ];

    public LineProgress Of(ShardLine line) => _lines.GetOrAdd(line.Line, _ => new LineProgress());

    /// <summary>The line is finished: its state is no longer needed.</summary>
    public void Remove(ShardLine line) => _lines.TryRemove(line.Line, out _);
}
