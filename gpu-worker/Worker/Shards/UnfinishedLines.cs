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
        line => KeyValuePair.Create(line.Line, new LineProgress(line.State.Deserialize<LineState>(WireJson.Options)!))));

    /// <summary>The finished shares of the lines, in lines.</summary>
    public double Share => _lines.Values.Sum(line => line.Share);

    /// <summary>The states of the lines, for the next owner.</summary>
    public IReadOnlyList<UnfinishedLine> ToStored() =>
    [
        .. _lines.Select(line => (Number: line.Key, line.Value.State)).Where(line => line.State != LineState.None)
            .OrderBy(line => line.Number)
            .Select(line => new UnfinishedLine(line.Number, JsonSerializer.SerializeToElement(line.State, WireJson.Options))),
    ];

    public LineProgress Of(ShardLine line) => _lines.GetOrAdd(line.Line, _ => new LineProgress());

    /// <summary>The line is finished: its state is no longer needed.</summary>
    public void Remove(ShardLine line) => _lines.TryRemove(line.Line, out _);
}
