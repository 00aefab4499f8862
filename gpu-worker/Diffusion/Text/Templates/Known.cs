namespace LLaDA.Diffusion.Text.Templates;

/// <summary>What a template may name; anything else is refused while the template is read, before any dialogue is rendered.</summary>
internal sealed class Known
{
    private static readonly HashSet<string> s_unknownVariables = ["varargs", "kwargs", "caller", "self"];

    private readonly HashSet<string> _macros = [];
    private readonly List<(string Name, int Line)> _called = [];

    public static string Filter(string name, int line) => Require(Filters.ByName.ContainsKey(name), "the filter", name, line);

    public static string Test(string name, int line) => Require(Tests.ByName.ContainsKey(name), "the test", name, line);

    public static string Method(string name, int line) =>
        Require(TextMethods.ByName.ContainsKey(name) || MapMethods.ByName.ContainsKey(name), "the method", name, line);

    public static string Variable(string name, int line) => Require(!s_unknownVariables.Contains(name), "the variable", name, line);

    /// <summary>A call of a function, or of a macro that may be defined later.</summary>
    public string Function(string name, int line)
    {
        _called.Add((name, line));
        return name;
    }

    /// <summary>Adds a macro.</summary>
    public string Define(string name)
    {
        _macros.Add(name);
        return name;
    }

    public void RequireFunctions()
    {
        foreach (var (name, line) in _called)
            Require(Functions.Names.Contains(name) || _macros.Contains(name), "the function", name, line);
    }

    /// <summary>Filters such as <c>map('trim')</c> name others in their first argument or the one behind an attribute.</summary>
    public static void Arguments(string filter, Arguments arguments, int line)
    {
        int position = filter switch { "map" or "select" or "reject" => 0, "selectattr" or "rejectattr" => 1, _ => int.MaxValue };
        if (position >= arguments.Positional.Count || arguments.Positional[position] is not Constant { Value: MarkedText name })
            return;
        if (filter == "map")
            Filter(name.Text, line);
        else
            Test(name.Text, line);
    }

    private static string Require(bool isKnown, string kind, string name, int line) =>
        isKnown ? name : throw new TemplateException($"line {line} uses {kind} {name}, which is not computed");
}
