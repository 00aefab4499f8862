namespace LLaDA.Diffusion.Text.Templates;

/// <summary>A part of a template that has a value.</summary>
/// <param name="Line">Counts from 1.</param>
internal abstract record Expression(int Line);

/// <param name="Value">A text, a number, a truth value or null.</param>
internal sealed record Constant(object? Value, int Line) : Expression(Line);

internal sealed record Variable(string Name, int Line) : Expression(Line);

/// <summary>A list, or a tuple, which is the same here.</summary>
internal sealed record ListLiteral(IReadOnlyList<Expression> Items, int Line) : Expression(Line);

internal sealed record MapLiteral(IReadOnlyList<(Expression Key, Expression Value)> Entries, int Line) : Expression(Line);

/// <summary><c>of.name</c></summary>
internal sealed record Member(Expression Of, string Name, int Line) : Expression(Line);

/// <summary><c>of[key]</c></summary>
internal sealed record Item(Expression Of, Expression Key, int Line) : Expression(Line);

/// <summary><c>of[start:stop:step]</c></summary>
internal sealed record Slice(Expression Of, Expression? Start, Expression? Stop, Expression? Step, int Line) : Expression(Line);

/// <summary>A function of the environment, or a macro.</summary>
internal sealed record Call(string Function, Arguments Arguments, int Line) : Expression(Line);

internal sealed record MethodCall(Expression Of, string Method, Arguments Arguments, int Line) : Expression(Line);

/// <param name="Of">Null where a filter is named as the argument of another one.</param>
internal sealed record Filter(Expression Of, string Name, Arguments Arguments, int Line) : Expression(Line);

internal sealed record Test(Expression Of, string Name, Arguments Arguments, bool IsNegated, int Line) : Expression(Line);

internal sealed record Unary(string Sign, Expression Of, int Line) : Expression(Line);

internal sealed record Binary(Expression Left, string Sign, Expression Right, int Line) : Expression(Line);

/// <summary>Comparisons of neighbours in a row, all of which must hold.</summary>
internal sealed record Comparison(Expression First, IReadOnlyList<(string Sign, Expression Right)> Others, int Line) : Expression(Line);

/// <param name="Otherwise">Null where the value is undefined then.</param>
internal sealed record Ternary(Expression Condition, Expression Then, Expression? Otherwise, int Line) : Expression(Line);

internal sealed record Arguments(IReadOnlyList<Expression> Positional, IReadOnlyDictionary<string, Expression> Named)
{
    public static Arguments None { get; } = new([], new Dictionary<string, Expression>());
}

/// <summary>A part of a template that writes text or sets variables.</summary>
internal abstract record Statement;

internal sealed record WriteText(MarkedText Text) : Statement;

internal sealed record WriteValue(Expression Value) : Statement;

/// <summary>The first of the branches whose condition holds; null holds always.</summary>
internal sealed record If(IReadOnlyList<(Expression? Condition, IReadOnlyList<Statement> Body)> Branches) : Statement;

/// <param name="Names">One variable, or several to which the parts of each item go.</param>
/// <param name="Condition">Items for which it does not hold are left out; null where there is none.</param>
internal sealed record For(
    IReadOnlyList<string> Names, Expression Items, Expression? Condition, IReadOnlyList<Statement> Body, IReadOnlyList<Statement> Otherwise)
    : Statement;

/// <param name="Namespace">Whose attribute is set; null where variables are.</param>
internal sealed record Set(string? Namespace, IReadOnlyList<string> Names, Expression Value) : Statement;

/// <summary>Sets a variable to what its body writes.</summary>
internal sealed record SetBlock(string Name, IReadOnlyList<Statement> Body) : Statement;

/// <param name="Parameters">With their default values; null where there is none.</param>
internal sealed record DefineMacro(string Name, IReadOnlyList<(string Name, Expression? Default)> Parameters, IReadOnlyList<Statement> Body)
    : Statement;

/// <summary>Ends a loop, or one turn of it.</summary>
internal sealed record Jump(bool EndsLoop) : Statement;
