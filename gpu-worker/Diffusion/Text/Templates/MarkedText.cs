namespace LLaDA.Diffusion.Text.Templates;

/// <summary>
/// A text of which each character knows whether it comes from the template or from the dialogue. Immutable.
/// </summary>
/// <remarks>Special tokens are read in what the template wrote alone, so no message can forge the structure of a dialogue.</remarks>
internal sealed class MarkedText
{
    /// <summary>Where each run of one origin ends, in order; the last one is the length.</summary>
    private readonly (int End, bool IsStructure)[] _runs;

    private MarkedText(string text, (int End, bool IsStructure)[] runs) => (Text, _runs) = (text, runs);

    public static MarkedText Empty { get; } = new("", []);

    public string Text { get; }

    public int Length => Text.Length;

    /// <summary>A text that the template wrote.</summary>
    public static MarkedText Structure(string text) => text.Length == 0 ? Empty : new MarkedText(text, [(text.Length, true)]);

    /// <summary>A text of the dialogue.</summary>
    public static MarkedText Content(string text) => text.Length == 0 ? Empty : new MarkedText(text, [(text.Length, false)]);

    public static MarkedText Concat(IReadOnlyList<MarkedText> parts)
    {
        if (parts.Count == 1)
            return parts[0];
        List<(int End, bool IsStructure)> runs = [];
        int start = 0;
        foreach (var part in parts)
        {
            foreach (var (end, isStructure) in part._runs)
            {
                if (runs.Count > 0 && runs[^1].IsStructure == isStructure)
                    runs[^1] = (start + end, isStructure);
                else
                    runs.Add((start + end, isStructure));
            }
            start += part.Length;
        }
        return new MarkedText(string.Concat(parts.Select(part => part.Text)), [.. runs]);
    }

    public MarkedText Slice(int start, int length)
    {
        if (length == Length)
            return this;
        if (length == 0)
            return Empty;
        List<(int, bool)> runs = [];
        for (int index = RunAt(start); index < _runs.Length; index++)
        {
            runs.Add((Math.Min(_runs[index].End - start, length), _runs[index].IsStructure));
            if (_runs[index].End >= start + length)
                break;
        }
        return new MarkedText(Text.Substring(start, length), [.. runs]);
    }

    /// <summary>Changes the text of each run, which keeps its origin.</summary>
    public MarkedText Map(Func<string, string> change)
    {
        List<MarkedText> parts = new(_runs.Length);
        int start = 0;
        foreach (var (end, isStructure) in _runs)
        {
            string changed = change(Text[start..end]);
            parts.Add(isStructure ? Structure(changed) : Content(changed));
            start = end;
        }
        return Concat(parts);
    }

    /// <summary>Whether the template wrote all characters from the first index up to the second.</summary>
    public bool IsStructure(int start, int end)
    {
        for (int index = RunAt(start); index < _runs.Length; index++)
        {
            if (!_runs[index].IsStructure)
                return false;
            if (_runs[index].End >= end)
                break;
        }
        return true;
    }

    public override string ToString() => Text;

    private int RunAt(int position)
    {
        int low = 0, high = _runs.Length - 1;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (_runs[middle].End > position)
                high = middle;
            else
                low = middle + 1;
        }
        return low;
    }
}
