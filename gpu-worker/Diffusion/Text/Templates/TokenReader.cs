namespace LLaDA.Diffusion.Text.Templates;

/// <summary>The tokens of a template, one after the other.</summary>
internal sealed class TokenReader(IReadOnlyList<Token> tokens)
{
    /// <summary>Nested expressions and statements; they bound the stack of parser and renderer.</summary>
    private const int MaxNesting = 60;

    private int _position, _nesting;

    public Token Current => tokens[_position];

    public Token Next => tokens[Math.Min(_position + 1, tokens.Count - 1)];

    public Token Take() => Current.Kind == TokenKind.End ? throw Fault("ends too early") : tokens[_position++];

    public bool Is(TokenKind kind, string text) => Current.Is(kind, text);

    public bool TryTake(TokenKind kind, string text)
    {
        if (!Is(kind, text))
            return false;
        _position++;
        return true;
    }

    public bool TryOperator(string sign) => TryTake(TokenKind.Operator, sign);

    public bool TryName(string name) => TryTake(TokenKind.Name, name);

    public void RequireOperator(string sign)
    {
        if (!TryOperator(sign))
            throw Fault($"has {Current.Text} where {sign} is due");
    }

    public string RequireName()
    {
        return Current.Kind == TokenKind.Name ? Take().Text : throw Fault($"has {Current.Text} where a name is due");
    }

    public void RequireEnd(TokenKind kind)
    {
        if (Current.Kind != kind)
            throw Fault($"has {Current.Text} where the tag is to end");
        _position++;
    }

    public T Nested<T>(Func<T> read)
    {
        if (++_nesting > MaxNesting)
            throw Fault($"nests more than {MaxNesting} deep");
        var result = read();
        _nesting--;
        return result;
    }

    public TemplateException Fault(string what) => new($"line {Current.Line} {what}");
}
