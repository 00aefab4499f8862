using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>The errors of a training or validation file: the first are listed, further ones counted.</summary>
/// <param name="param">The parameter of the request that names the file.</param>
internal sealed class TrainingFileErrors(string param)
{
    private const int MaxListed = 20;

    private readonly List<string> _listed = [];
    private string _code = $"invalid_{param}";
    private int _count;

    public bool Any => _count > 0;

    public void Add(string message)
    {
        _count++;
        if (_listed.Count < MaxListed)
            _listed.Add(message);
    }

    /// <summary>Adds an error of the whole file.</summary>
    public void Add(string code, string message)
    {
        _code = code;
        Add(message);
    }

    public FineTuningFailure ToError() => new(_code, ToString(), param);

    public override string ToString() =>
        string.Join("; ", _listed) + (_count > _listed.Count ? $"; and {_count - _listed.Count} more" : "");
}
