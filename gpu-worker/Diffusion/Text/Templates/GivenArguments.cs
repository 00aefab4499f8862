namespace LLaDA.Diffusion.Text.Templates;

/// <summary>The values that a filter, a test, a function, a method or a macro is given.</summary>
/// <param name="Of">What is given them, for messages.</param>
internal sealed record GivenArguments(string Of, IReadOnlyList<object?> Positional, IReadOnlyDictionary<string, object?> Named)
{
    public static GivenArguments None(string of) => new(of, [], new Dictionary<string, object?>());

    /// <summary>An argument by its place or its name; undefined where it is absent.</summary>
    public object? this[int position, string name] =>
        position < Positional.Count ? Positional[position] : Named.TryGetValue(name, out object? value) ? value : Undefined.Value;

    /// <summary>Refuses arguments other than these, in their order.</summary>
    public GivenArguments Allow(params string[] names)
    {
        if (Positional.Count > names.Length)
            throw new TemplateException($"it gives {Of} {Positional.Count} arguments; {names.Length} are computed");
        if (Named.Keys.FirstOrDefault(name => !names.Contains(name)) is { } unknown)
            throw new TemplateException($"it gives {Of} the argument {unknown}, which is not computed");
        return this;
    }

    public MarkedText Text(int position, string name) => this[position, name] as MarkedText
        ?? throw new TemplateException($"it gives {Of} {Values.Kind(this[position, name])} where a text is due");

    /// <summary>Null where it is absent or none.</summary>
    public MarkedText? OptionalText(int position, string name) => this[position, name] is null or Undefined ? null : Text(position, name);

    public long Whole(int position, string name, long absent) => this[position, name] switch
    {
        null or Undefined => absent,
        long number => number,
        bool truth => truth ? 1 : 0,
        var other => throw new TemplateException($"it gives {Of} {Values.Kind(other)} where a whole number is due"),
    };

    public bool Flag(int position, string name) => Values.IsTrue(this[position, name]);
}
