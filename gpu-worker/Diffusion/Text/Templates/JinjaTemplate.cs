namespace LLaDA.Diffusion.Text.Templates;

/// <summary>
/// A template in the part of Jinja that chat templates use, with transformers' settings. What it names and is not computed is refused when
/// it is read; time, depth and memory of a rendering are bounded (<see cref="Budget"/>). Immutable.
/// </summary>
internal sealed class JinjaTemplate
{
    private const int MaxLength = 1 << 18;

    private readonly IReadOnlyList<Statement> _body;

    /// <exception cref="TemplateException">Says which line has what that is not computed.</exception>
    public JinjaTemplate(string source)
    {
        if (source.Length > MaxLength)
            throw new TemplateException($"it has {source.Length} characters; at most {MaxLength} are read");
        _body = StatementParser.Read(source);
    }

    /// <exception cref="TemplateException">The template fails on these variables, or refuses them.</exception>
    public MarkedText Render(IEnumerable<KeyValuePair<string, object?>> variables)
    {
        var scope = new Scope(null);
        foreach (var (name, value) in variables)
            scope[name] = value;
        return new Renderer().Render(_body, scope);
    }
}
