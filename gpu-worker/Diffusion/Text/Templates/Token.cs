namespace LLaDA.Diffusion.Text.Templates;

internal enum TokenKind
{
    /// <summary>What stands outside of tags.</summary>
    Text,
    OpenStatement,
    CloseStatement,
    OpenExpression,
    CloseExpression,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End,
}

/// <param name="Line">Counts from 1.</param>
internal readonly record struct Token(TokenKind Kind, string Text, int Line)
{
    public bool Is(TokenKind kind, string text) => Kind == kind && Text == text;
}
