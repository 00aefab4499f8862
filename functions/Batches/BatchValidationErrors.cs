using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>An error in a batch's input.</summary>
/// <param name="Line">From 1; null when it concerns the whole file.</param>
internal sealed record BatchError(string Code, string Message, string? Param, int? Line);

/// <summary>The errors of an input: the first are listed, further ones counted.</summary>
internal sealed class BatchValidationErrors
{
    /// <summary>Errors listed.</summary>
    public const int MaxListed = 100;

    /// <summary>A table takes strings of 32 K characters.</summary>
    private const int MaxChars = 30_000;

    private readonly List<BatchError> _listed = [];
    private int _count, _chars;
    private bool _isFull, _isUnlimited;

    public bool Any => _count > 0;

    /// <summary>Null where there is none.</summary>
    public BatchError? First => _listed.FirstOrDefault();

    /// <summary>Lists all errors: for an answer, not for a row.</summary>
    public static BatchValidationErrors WithoutLimit() => new() { _isUnlimited = true };

    /// <summary>A single error that concerns the whole batch.</summary>
    public static BatchValidationErrors Of(string code, string message)
    {
        var errors = new BatchValidationErrors();
        errors.Add(code, message);
        return errors;
    }

    public void Add(string code, string message, int? line = null, string? param = null)
    {
        _count++;
        if (_isFull)
            return;
        var error = new BatchError(code, message, param, line);
        int chars = JsonSerializer.Serialize(error, WireJson.Options).Length + 1;
        _isFull = !_isUnlimited && (_listed.Count == MaxListed || _chars + chars > MaxChars);
        if (_isFull)
            return;
        _listed.Add(error);
        _chars += chars;
    }

    public string ToJson()
    {
        int left = _count - _listed.Count;
        IEnumerable<BatchError> all = left == 0
            ? _listed
            : [.. _listed, new BatchError("too_many_errors", $"{left} further errors are not listed", Param: null, Line: null)];
        return JsonSerializer.Serialize(all, WireJson.Options);
    }
}
