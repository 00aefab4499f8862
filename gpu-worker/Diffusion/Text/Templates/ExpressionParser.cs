using System.Globalization;

namespace LLaDA.Diffusion.Text.Templates;

/// <summary>
/// Reads expressions with Jinja's precedence: if, or, and, not, comparisons, + and -, ~, * / // %, **, signs, then filters and tests.
/// </summary>
internal sealed class ExpressionParser(TokenReader tokens, Known known)
{
    private const int MaxChain = 100;

    private static readonly string[] s_comparisons = ["==", "!=", "<", ">", "<=", ">="];

    /// <summary>A value, or several with commas between, which are a list.</summary>
    public Expression ReadTuple()
    {
        var first = Read();
        if (!tokens.Is(TokenKind.Operator, ","))
            return first;
        List<Expression> items = [first];
        while (tokens.TryOperator(",") && BeginsValue)
            items.Add(Read());
        return new ListLiteral(items, first.Line);
    }

    public Expression Read() => tokens.Nested(ReadTernary);

    /// <summary>A value that no <c>if</c> follows: of a loop, the <c>if</c> filters the items.</summary>
    public Expression ReadWithoutTernary() => tokens.Nested(ReadOr);

    private bool BeginsValue => tokens.Current.Kind is TokenKind.Name or TokenKind.String or TokenKind.Integer or TokenKind.Float
        || (tokens.Current.Kind == TokenKind.Operator && tokens.Current.Text is "(" or "[" or "{" or "-" or "+");

    private Expression ReadTernary()
    {
        var value = ReadOr();
        for (int count = 0; tokens.TryName("if"); Bound(++count))
        {
            var condition = ReadOr();
            value = new Ternary(condition, value, tokens.TryName("else") ? Read() : null, value.Line);
        }
        return value;
    }

    private Expression ReadOr() => ReadChain(ReadAnd, () => tokens.TryName("or") ? "or" : null);

    private Expression ReadAnd() => ReadChain(ReadNot, () => tokens.TryName("and") ? "and" : null);

    private Expression ReadNot()
    {
        int line = tokens.Current.Line;
        return tokens.TryName("not") ? new Unary("not", tokens.Nested(ReadNot), line) : ReadComparison();
    }

    private Expression ReadComparison()
    {
        var first = ReadSum();
        List<(string, Expression)> others = [];
        while (TryComparison() is { } sign)
        {
            others.Add((sign, ReadSum()));
            Bound(others.Count);
        }
        return others.Count == 0 ? first : new Comparison(first, others, first.Line);
    }

    private string? TryComparison()
    {
        if (tokens.TryName("in"))
            return "in";
        if (tokens.Is(TokenKind.Name, "not") && tokens.Next.Is(TokenKind.Name, "in"))
        {
            tokens.Take();
            tokens.Take();
            return "not in";
        }
        return TryAny(s_comparisons);
    }

    private Expression ReadSum() => ReadChain(ReadConcatenation, () => TryAny("+", "-"));

    private Expression ReadConcatenation() => ReadChain(ReadProduct, () => TryAny("~"));

    private Expression ReadProduct() => ReadChain(ReadPower, () => TryAny("*", "/", "//", "%"));

    private Expression ReadPower() => ReadChain(ReadSigned, () => TryAny("**"));

    private string? TryAny(params string[] signs) => Array.Find(signs, tokens.TryOperator);

    private Expression ReadChain(Func<Expression> read, Func<string?> trySign)
    {
        var left = read();
        for (int count = 0; trySign() is { } sign; Bound(++count))
            left = new Binary(left, sign, read(), left.Line);
        return left;
    }

    private void Bound(int count)
    {
        if (count > MaxChain)
            throw tokens.Fault($"has more than {MaxChain} operators in a row");
    }

    private Expression ReadSigned() => ReadFiltersAndTests(ReadSign());

    private Expression ReadSign()
    {
        int line = tokens.Current.Line;
        return TryAny("-", "+") is { } sign ? new Unary(sign, tokens.Nested(ReadSign), line) : ReadPostfix(ReadPrimary());
    }

    private Expression ReadFiltersAndTests(Expression value)
    {
        for (int count = 0; ; Bound(++count))
        {
            int line = tokens.Current.Line;
            if (tokens.TryOperator("|"))
            {
                string name = Known.Filter(tokens.RequireName(), line);
                var arguments = tokens.Is(TokenKind.Operator, "(") ? ReadArguments() : Arguments.None;
                Known.Arguments(name, arguments, line);
                value = new Filter(value, name, arguments, line);
            }
            else if (tokens.TryName("is"))
            {
                bool isNegated = tokens.TryName("not");
                string name = Known.Test(ReadTestName(), line);
                value = new Test(value, name, ReadTestArguments(), isNegated, line);
            }
            else
            {
                return value;
            }
        }
    }

    private string ReadTestName() => TryAny(s_comparisons) ?? tokens.RequireName();

    private Arguments ReadTestArguments()
    {
        if (tokens.Is(TokenKind.Operator, "("))
            return ReadArguments();
        bool isValue = tokens.Current.Kind is TokenKind.String or TokenKind.Integer or TokenKind.Float
            || (tokens.Current.Kind == TokenKind.Name
                && tokens.Current.Text is not ("else" or "or" or "and" or "is" or "if" or "in" or "not"))
            || tokens.Is(TokenKind.Operator, "[") || tokens.Is(TokenKind.Operator, "{");
        return isValue ? Arguments.None with { Positional = [ReadPostfix(ReadPrimary())] } : Arguments.None;
    }

    private Expression ReadPostfix(Expression value)
    {
        for (int count = 0; ; Bound(++count))
        {
            int line = tokens.Current.Line;
            if (tokens.TryOperator("."))
                value = ReadMember(value, line);
            else if (tokens.TryOperator("["))
                value = ReadItem(value, line);
            else if (tokens.Is(TokenKind.Operator, "("))
                value = value is Variable function
                    ? new Call(known.Function(function.Name, line), ReadArguments(), line)
                    : throw tokens.Fault("calls what is neither a function nor a method");
            else
                return value;
        }
    }

    private Expression ReadMember(Expression of, int line)
    {
        if (tokens.Current.Kind == TokenKind.Integer)
            return new Item(of, ReadNumber(tokens.Take()), line);
        string name = tokens.RequireName();
        return tokens.Is(TokenKind.Operator, "(")
            ? new MethodCall(of, Known.Method(name, line), ReadArguments(), line)
            : new Member(of, name, line);
    }

    private Expression ReadItem(Expression of, int line)
    {
        Expression? start = tokens.Is(TokenKind.Operator, ":") ? null : Read();
        if (start is not null && tokens.TryOperator("]"))
            return new Item(of, start, line);
        Expression?[] limits = [null, null];
        for (int index = 0; index < limits.Length && tokens.TryOperator(":"); index++)
        {
            if (!tokens.Is(TokenKind.Operator, ":") && !tokens.Is(TokenKind.Operator, "]"))
                limits[index] = Read();
        }
        tokens.RequireOperator("]");
        return new Slice(of, start, limits[0], limits[1], line);
    }

    public Arguments ReadArguments()
    {
        List<Expression> positional = [];
        Dictionary<string, Expression> named = [];
        tokens.RequireOperator("(");
        while (!tokens.TryOperator(")"))
        {
            if (positional.Count + named.Count > 0)
                tokens.RequireOperator(",");
            if (tokens.TryOperator(")"))
                break;
            if (tokens.Current.Kind == TokenKind.Name && tokens.Next.Is(TokenKind.Operator, "="))
            {
                string name = tokens.RequireName();
                tokens.RequireOperator("=");
                named[name] = Read();
            }
            else if (named.Count == 0)
            {
                positional.Add(Read());
            }
            else
            {
                throw tokens.Fault("has an argument without a name behind one with a name");
            }
        }
        return new Arguments(positional, named);
    }

    private Expression ReadPrimary()
    {
        var token = tokens.Take();
        return token switch
        {
            { Kind: TokenKind.Name, Text: "true" or "True" } => new Constant(true, token.Line),
            { Kind: TokenKind.Name, Text: "false" or "False" } => new Constant(false, token.Line),
            { Kind: TokenKind.Name, Text: "none" or "None" } => new Constant(null, token.Line),
            { Kind: TokenKind.Name } => new Variable(Known.Variable(token.Text, token.Line), token.Line),
            { Kind: TokenKind.Integer or TokenKind.Float } => ReadNumber(token),
            { Kind: TokenKind.String } => ReadText(token),
            { Kind: TokenKind.Operator, Text: "(" } => ReadParenthesis(token.Line),
            { Kind: TokenKind.Operator, Text: "[" } => new ListLiteral(ReadList("]", Read), token.Line),
            { Kind: TokenKind.Operator, Text: "{" } => new MapLiteral(ReadList("}", ReadEntry), token.Line),
            _ => throw new TemplateException($"line {token.Line} has {token.Text} where a value is due"),
        };
    }

    private Constant ReadNumber(Token token) =>
        token.Kind == TokenKind.Float
            ? new Constant(double.Parse(token.Text, CultureInfo.InvariantCulture), token.Line)
            : long.TryParse(token.Text, CultureInfo.InvariantCulture, out long whole)
                ? new Constant(whole, token.Line)
                : throw tokens.Fault($"has the number {token.Text}, which is too large");

    /// <summary>Texts in a row are one.</summary>
    private Constant ReadText(Token token)
    {
        string text = token.Text;
        while (tokens.Current.Kind == TokenKind.String)
            text += tokens.Take().Text;
        return new Constant(MarkedText.Structure(text), token.Line);
    }

    private Expression ReadParenthesis(int line)
    {
        if (tokens.TryOperator(")"))
            return new ListLiteral([], line);
        var value = ReadTuple();
        tokens.RequireOperator(")");
        return value;
    }

    private (Expression, Expression) ReadEntry()
    {
        var key = Read();
        tokens.RequireOperator(":");
        return (key, Read());
    }

    private List<T> ReadList<T>(string close, Func<T> read)
    {
        List<T> items = [];
        while (!tokens.TryOperator(close))
        {
            if (items.Count > 0)
                tokens.RequireOperator(",");
            if (tokens.TryOperator(close))
                break;
            items.Add(read());
        }
        return items;
    }
}
