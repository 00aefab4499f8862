namespace LLaDA.Batch.Shared.Grading;

/// <summary>
/// A formula over named numbers: numbers, <c>+ - * / ^</c>, parentheses and the functions min, max, abs, floor, ceil, exp, sqrt and log.
/// <c>^</c> binds strongest and to the right, then the sign.
/// </summary>
public sealed class Formula
{
    private readonly Func<Func<string, double>, double> _compute;

    private Formula(Func<Func<string, double>, double> compute, IReadOnlyCollection<string> names) => (_compute, Names) = (compute, names);

    /// <summary>The names that it uses.</summary>
    public IReadOnlyCollection<string> Names { get; }

    /// <param name="known">The names that it may use.</param>
    /// <exception cref="FormatException">It cannot be read, is too long or nested too deeply, or uses another name.</exception>
    public static Formula Parse(string text, IReadOnlyCollection<string> known)
    {
        var reader = new FormulaReader(text, known);
        return new Formula(reader.Read(), reader.Names);
    }

    /// <summary>Whether a name can be used: letters, digits and underscores, no digit first, and no function.</summary>
    public static bool IsName(string name) => name.Length is > 0 and <= 64
        && !char.IsAsciiDigit(name[0]) && name.All(FormulaReader.IsNameCharacter) && !FormulaReader.IsFunction(name);

    /// <param name="valueOf">Called once for each name in it.</param>
    /// <returns>Not finite where it cannot be computed, as for a division by 0.</returns>
    public double Evaluate(Func<string, double> valueOf)
    {
        Dictionary<string, double> values = Names.ToDictionary(name => name, valueOf);
        return _compute(name => values[name]);
    }
}
