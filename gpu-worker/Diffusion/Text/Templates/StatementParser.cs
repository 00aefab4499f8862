namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Reads the statements of a template.</summary>
internal sealed class StatementParser
{
    private readonly TokenReader _tokens;
    private readonly Known _known = new();
    private readonly ExpressionParser _expressions;
    private int _loops;

    private StatementParser(IReadOnlyList<Token> tokens)
    {
        _tokens = new TokenReader(tokens);
        _expressions = new ExpressionParser(_tokens, _known);
    }

    /// <exception cref="TemplateException">Names what is no template or is not computed.</exception>
    public static IReadOnlyList<Statement> Read(string source)
    {
        var parser = new StatementParser(Lexer.Read(source));
        var body = parser.ReadBody();
        if (parser._tokens.Current.Kind != TokenKind.End)
            throw parser._tokens.Fault($"has {parser._tokens.Next.Text} that closes nothing");
        parser._known.RequireFunctions();
        return body;
    }

    /// <summary>Statements up to one of these names, whose tag is left open, or to the end of the template.</summary>
    private List<Statement> ReadBody(params string[] ends)
    {
        List<Statement> body = [];
        while (_tokens.Current.Kind != TokenKind.End)
        {
            bool isEnd = _tokens.Current.Kind == TokenKind.OpenStatement && _tokens.Next.Kind == TokenKind.Name
                && (ends.Contains(_tokens.Next.Text) || _tokens.Next.Text.StartsWith("end", StringComparison.Ordinal)
                    || _tokens.Next.Text is "else" or "elif");
            if (isEnd)
                break;
            ReadPart(body);
        }
        return body;
    }

    private void ReadPart(List<Statement> body)
    {
        var token = _tokens.Take();
        if (token.Kind == TokenKind.Text)
        {
            body.Add(new WriteText(MarkedText.Structure(token.Text)));
        }
        else if (token.Kind == TokenKind.OpenExpression)
        {
            body.Add(new WriteValue(_expressions.ReadTuple()));
            _tokens.RequireEnd(TokenKind.CloseExpression);
        }
        else
        {
            _tokens.Nested(() =>
            {
                ReadStatement(body);
                return true;
            });
        }
    }

    private void ReadStatement(List<Statement> body)
    {
        int line = _tokens.Current.Line;
        switch (_tokens.RequireName())
        {
            case "if":
                body.Add(ReadIf());
                break;
            case "for":
                body.Add(ReadFor());
                break;
            case "set":
                body.Add(ReadSet());
                break;
            case "macro":
                body.Add(ReadMacro());
                break;
            case "generation":
                Close();
                body.AddRange(ReadBody("endgeneration"));
                Require("endgeneration");
                break;
            case "break" or "continue" when _loops == 0:
                throw _tokens.Fault("ends a loop outside of any");
            case "break":
                Close();
                body.Add(new Jump(EndsLoop: true));
                break;
            case "continue":
                Close();
                body.Add(new Jump(EndsLoop: false));
                break;
            case var other:
                throw new TemplateException($"line {line} uses the statement {other}, which is not computed");
        }
    }

    private If ReadIf()
    {
        List<(Expression?, IReadOnlyList<Statement>)> branches = [];
        do
        {
            var condition = _expressions.ReadTuple();
            Close();
            branches.Add((condition, ReadBody("elif", "else", "endif")));
            Open();
        }
        while (_tokens.TryName("elif"));
        if (_tokens.TryName("else"))
        {
            Close();
            branches.Add((null, ReadBody("endif")));
            Open();
        }
        CloseWith("endif");
        return new If(branches);
    }

    private For ReadFor()
    {
        var names = ReadTargets();
        if (!_tokens.TryName("in"))
            throw _tokens.Fault("has a loop without in");
        var items = ReadItems();
        var condition = _tokens.TryName("if") ? _expressions.Read() : null;
        if (_tokens.Is(TokenKind.Name, "recursive"))
            throw _tokens.Fault("uses a recursive loop, which is not computed");
        Close();
        _loops++;
        var body = ReadBody("else", "endfor");
        _loops--;
        Open();
        List<Statement> otherwise = [];
        if (_tokens.TryName("else"))
        {
            Close();
            otherwise = ReadBody("endfor");
            Open();
        }
        CloseWith("endfor");
        return new For(names, items, condition, body, otherwise);
    }

    private Expression ReadItems()
    {
        var first = _expressions.ReadWithoutTernary();
        List<Expression> items = [first];
        while (_tokens.TryOperator(","))
            items.Add(_expressions.ReadWithoutTernary());
        return items.Count == 1 ? first : new ListLiteral(items, first.Line);
    }

    private Statement ReadSet()
    {
        if (_tokens.Next.Is(TokenKind.Operator, "."))
        {
            string of = _tokens.RequireName();
            _tokens.RequireOperator(".");
            string attribute = _tokens.RequireName();
            return new Set(of, [attribute], ReadValue());
        }
        var names = ReadTargets();
        if (_tokens.Is(TokenKind.Operator, "="))
            return new Set(null, names, ReadValue());
        if (_tokens.Is(TokenKind.Operator, "|"))
            throw _tokens.Fault("uses a filter on a set block, which is not computed");
        Close();
        var body = ReadBody("endset");
        Require("endset");
        return names is [var name] ? new SetBlock(name, body) : throw _tokens.Fault("sets several names to one text");
    }

    private Expression ReadValue()
    {
        _tokens.RequireOperator("=");
        var value = _expressions.ReadTuple();
        Close();
        return value;
    }

    private DefineMacro ReadMacro()
    {
        string name = _known.Define(_tokens.RequireName());
        List<(string, Expression?)> parameters = [];
        _tokens.RequireOperator("(");
        while (!_tokens.TryOperator(")"))
        {
            if (parameters.Count > 0)
                _tokens.RequireOperator(",");
            string parameter = _tokens.RequireName();
            parameters.Add((parameter, _tokens.TryOperator("=") ? _expressions.Read() : null));
        }
        Close();
        (int loops, _loops) = (_loops, 0);
        var body = ReadBody("endmacro");
        _loops = loops;
        Require("endmacro");
        return new DefineMacro(name, parameters, body);
    }

    private List<string> ReadTargets()
    {
        bool isParenthesis = _tokens.TryOperator("(");
        List<string> names = [_tokens.RequireName()];
        while (_tokens.TryOperator(","))
            names.Add(_tokens.RequireName());
        if (isParenthesis)
            _tokens.RequireOperator(")");
        return names;
    }

    /// <summary>The whole tag of an end.</summary>
    private void Require(string end)
    {
        Open();
        CloseWith(end);
    }

    private void CloseWith(string end)
    {
        if (!_tokens.TryName(end))
            throw _tokens.Fault($"has {_tokens.Current.Text} where {end} is due");
        Close();
    }

    private void Open() => _tokens.RequireEnd(TokenKind.OpenStatement);

    private void Close() => _tokens.RequireEnd(TokenKind.CloseStatement);
}
