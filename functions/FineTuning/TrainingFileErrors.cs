namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>What keeps a job from being trained: the faults of a file's lines, all of them up to a cap, or a single one.</summary>
/// <param name="param">The file at fault, by the name of its parameter.</param>
internal sealed class TrainingFileErrors(string param)
{
    /// <summary>Faults listed; further ones are only counted.</summary>
    private const int MaxListed = 20;

    private readonly List<string> _listed = [];
    private int _count;

    public string Param => param;

    public string Code { get; private set; } = $"invalid_{param}";

    public bool Any => _count > 0;

    public void Add(string fault)
    {
        _count++;
        if (_listed.Count < MaxListed)
            _listed.Add(fault);
    }

    /// <summary>What is wrong with the whole file.</summary>
    public void Add(string code, string fault)
    {
        Code = code;
        Add(fault);
    }

    public override string ToString() => string.Join("; ", _listed) + (_count > _listed.Count ? $"; and {_count - _listed.Count} more" : "");
}
