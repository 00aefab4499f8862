using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Lines;

/// <summary>A line of <c>/v1/batches/{id}/results</c> on the wire.</summary>
public sealed record BatchResultObject
{
    /// <summary>Its number in the input, from 1 on; the next page begins after it.</summary>
    public required int Line { get; init; }

    public required string CustomId { get; init; }

    public required LineStatus Status { get; init; }

    /// <summary>The body of the request; null for a document of a folder, which its custom_id names.</summary>
    public JsonElement? Input { get; init; }

    /// <summary>As in the output or the error file; null where there is no answer.</summary>
    public JsonElement? Response { get; init; }

    /// <summary>As in the error file; null where there is none.</summary>
    public JsonElement? Error { get; init; }

    /// <summary>The same line in batches that run failed lines of this one again, oldest first.</summary>
    public required IReadOnlyList<LineRetryObject> Retries { get; init; }

    public string Object => "batch.result";

    internal static BatchResultObject From(LineResult line, IEnumerable<LineRetryObject> retries) => new()
    {
        Line = line.Line,
        CustomId = line.CustomId,
        Status = line.Status,
        Input = line.Input,
        Response = line.Outcome?.Find("response"),
        Error = line.Outcome?.Find("error"),
        Retries = [.. retries],
    };
}

/// <summary>A line that was run again, on the wire.</summary>
public sealed record LineRetryObject
{
    /// <summary>The batch that ran it again.</summary>
    public required string BatchId { get; init; }

    public required LineStatus Status { get; init; }

    public JsonElement? Response { get; init; }

    public JsonElement? Error { get; init; }

    internal static LineRetryObject From(BatchRecord batch, LineResult line) => new()
    {
        BatchId = batch.Id,
        Status = line.Status,
        Response = line.Outcome?.Find("response"),
        Error = line.Outcome?.Find("error"),
    };
}
