using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>What is wrong with a batch's input.</summary>
/// <param name="Line">From 1 on; null when it concerns the whole file.</param>
internal sealed record BatchFault(string Code, string Message, string? Param, int? Line);

/// <summary>The faults of an input, the first ones up to a cap.</summary>
internal sealed class BatchValidationErrors
{
    /// <summary>Faults listed; further ones are only counted.</summary>
    public const int MaxListed = 100;

    /// <summary>A table takes strings of 32 K characters.</summary>
    private const int MaxChars = 30_000;

    private readonly List<BatchFault> _listed = [];
    private int _count, _chars;
    private bool _isFull;

    public bool Any => _count > 0;

    public void Add(string code, string message, int? line = null, string? param = null)
    {
        _count++;
        if (_isFull)
            return;
        var fault = new BatchFault(code, message, param, line);
        int chars = JsonSerializer.Serialize(fault, WireJson.Options).Length + 1;
        _isFull = _listed.Count == MaxListed || _chars + chars > MaxChars;
        if (_isFull)
            return;
        _listed.Add(fault);
        _chars += chars;
    }

    public string ToJson()
    {
        IEnumerable<BatchFault> all = _count == _listed.Count
            ? _listed
            : [.. _listed, new BatchFault("too_many_errors", $"{_count - _listed.Count} further faults are not listed", Param: null, Line: null)];
        return JsonSerializer.Serialize(all, WireJson.Options);
    }
}
