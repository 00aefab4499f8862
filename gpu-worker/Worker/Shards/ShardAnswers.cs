using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Requests;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>The finished lines of a shard, with their sums. Safe for use by several threads.</summary>
internal sealed class ShardAnswers(IReadOnlyList<PartLine> finished, PartCounts counts)
{
    private readonly Lock _lock = new();
    private readonly List<PartLine> _lines = [.. finished];
    private readonly HashSet<int> _numbers = [.. finished.Select(line => line.Line)];
    private PartCounts _counts = counts;

    /// <summary>The finished lines in the order in which they were finished, and their sums.</summary>
    public (IReadOnlyList<PartLine> Lines, PartCounts Counts) Finished
    {
        get
        {
            lock (_lock)
                return ([.. _lines], _counts);
        }
    }

    public bool Has(ShardLine line)
    {
        lock (_lock)
            return _numbers.Contains(line.Line);
    }

    public void Add(ShardLine line, LineAnswer answer)
    {
        var usage = answer.Usage;
        Telemetry.Tokens.Add(usage.PromptTokens, Telemetry.With(Telemetry.Direction, "input"));
        Telemetry.Tokens.Add(usage.CompletionTokens, Telemetry.With(Telemetry.Direction, "output"));
        Add(OutputLines.Answered(line, answer.Body), new PartCounts(1, 0, usage.PromptTokens, usage.CompletionTokens));
    }

    public void Refuse(ShardLine line, ApiError error) => Add(OutputLines.Refused(line, 400, error), new PartCounts(0, 1, 0, 0));

    /// <summary>Answers all unfinished lines with the reason why they were not run.</summary>
    public void AddNotRun(IEnumerable<ShardLine> lines, NotRunReason reason)
    {
        foreach (var line in lines.Where(line => !Has(line)))
            Add(OutputLines.NotRun(line, reason), PartCounts.NotRun(1, reason));
    }

    private void Add(PartLine line, PartCounts counts)
    {
        lock (_lock)
        {
            _lines.Add(line);
            _numbers.Add(line.Line);
            _counts += counts;
        }
    }
}
