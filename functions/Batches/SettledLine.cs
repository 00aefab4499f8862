using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// A line whose outcome is known when its batch is planned: an error, or an answer that needs no model. Settled lines travel in shards of
/// their own, and the plan answers them instead of a worker.
/// </summary>
internal sealed record SettledLine
{
    /// <summary>In the body of the shard's line: an answer is under this name, an error has none.</summary>
    private const string AnswerName = "answer";

    private static readonly JsonElement s_noBody = JsonElement.Parse("{}");

    private readonly ShardLine _line;
    private readonly LineError? _error;
    private readonly object? _answer;

    private SettledLine(ShardLine line, LineError? error, object? answer) => (_line, _error, _answer) = (line, error, answer);

    public bool IsError => _error is not null;

    /// <param name="number">The number of the line, from 1 on.</param>
    public static SettledLine Refused(int number, string customId, LineError error) =>
        new(new ShardLine(number, customId, s_noBody), error, answer: null);

    /// <param name="number">The number of the line, from 1 on.</param>
    /// <param name="answer">The body of the endpoint's answer.</param>
    public static SettledLine Answered(int number, string customId, object answer) =>
        new(new ShardLine(number, customId, s_noBody), error: null, answer);

    /// <summary>Reads a line of a shard that <see cref="ToShardLine"/> made.</summary>
    public static SettledLine From(ShardLine line) => line.Body.Find(AnswerName) is { } answer
        ? new SettledLine(line, error: null, answer)
        : new SettledLine(line, line.Body.Deserialize<LineError>(WireJson.Options), answer: null);

    /// <summary>The form in which the line is kept in a shard: the outcome is the body.</summary>
    public ShardLine ToShardLine()
    {
        object body = _error is not null ? _error : new Dictionary<string, object?> { [AnswerName] = _answer };
        return _line with { Body = JsonSerializer.SerializeToElement(body, WireJson.Options) };
    }

    /// <summary>The line of the output or the error file.</summary>
    public PartLine ToPartLine() => _error is not null ? OutputLines.NotRun(_line, _error) : OutputLines.Answered(_line, _answer!);
}
