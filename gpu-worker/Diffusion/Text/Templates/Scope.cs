namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Variables; those of an inner scope hide those outside, and what is set inside does not change them.</summary>
internal sealed class Scope(Scope? outer)
{
    private readonly Dictionary<string, object?> _variables = [];

    public object? this[string name]
    {
        get
        {
            for (var scope = this; scope is not null; scope = scope.Outer)
            {
                if (scope._variables.TryGetValue(name, out object? value))
                    return value;
            }
            return Undefined.Value;
        }
        set => _variables[name] = value;
    }

    private Scope? Outer => outer;
}

/// <summary>A macro and the scope in which it was defined.</summary>
internal sealed record Macro(DefineMacro Definition, Scope Scope);

/// <summary>The variable <c>loop</c>.</summary>
internal sealed class Loop(object?[] items)
{
    public int Index { get; set; }

    public object? Attribute(string name) => name switch
    {
        "index" => Index + 1L,
        "index0" => (long)Index,
        "revindex" => (long)(items.Length - Index),
        "revindex0" => items.Length - Index - 1L,
        "first" => Index == 0,
        "last" => Index == items.Length - 1,
        "length" => (long)items.Length,
        "previtem" => Index > 0 ? items[Index - 1] : Undefined.Value,
        "nextitem" => Index + 1 < items.Length ? items[Index + 1] : Undefined.Value,
        _ => throw new TemplateException($"it uses loop.{name}, which is not computed"),
    };
}
