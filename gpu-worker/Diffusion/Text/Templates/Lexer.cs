using System.Globalization;
using System.Text;

namespace LLaDA.Diffusion.Text.Templates;

/// <summary>
/// Cuts a template into tokens. White space is treated as transformers asks Jinja for: a line break behind a statement is left out, and so
/// is the indentation before one (<c>trim_blocks</c>, <c>lstrip_blocks</c>), and the last line break of the file.
/// </summary>
internal sealed class Lexer
{
    private static readonly string[] s_operators =
        ["==", "!=", "<=", ">=", "**", "//", "<", ">", "+", "-", "*", "/", "%", "~", "|", "(", ")", "[", "]", "{", "}", ".", ",", ":", "="];

    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _position, _line = 1;

    /// <summary>The next text begins a line, since the line break before it was left out.</summary>
    private bool _beginsLine = true;

    /// <summary>The next text loses the white space with which it begins.</summary>
    private bool _stripsNext;

    private Lexer(string source)
    {
        source = source.ReplaceLineEndings("\n");
        _source = source.EndsWith('\n') ? source[..^1] : source;
    }

    /// <exception cref="TemplateException">The source has what is no part of a template.</exception>
    public static IReadOnlyList<Token> Read(string source)
    {
        var lexer = new Lexer(source);
        while (lexer._position < lexer._source.Length)
            lexer.ReadTextAndTag();
        lexer.Add(TokenKind.End, "the end");
        return lexer._tokens;
    }

    private void ReadTextAndTag()
    {
        int tag = NextTag(_position);
        bool hasTag = tag < _source.Length;
        string text = _source[_position..tag];
        char sign = hasTag && tag + 2 < _source.Length ? _source[tag + 2] : ' ';
        if (_stripsNext)
            text = text.TrimStart();
        if (hasTag && sign == '-')
            text = text.TrimEnd();
        else if (hasTag && sign != '+' && _source[tag + 1] != '{')
            text = WithoutIndentation(text);
        if (text.Length > 0)
            Add(TokenKind.Text, text);
        Advance(tag);
        (_beginsLine, _stripsNext) = (false, false);
        if (!hasTag)
            return;
        char kind = _source[tag + 1];
        Advance(tag + (sign is '-' || (sign == '+' && kind != '{') ? 3 : 2));
        if (kind == '#')
            SkipComment();
        else
            ReadTag(kind);
    }

    private int NextTag(int from)
    {
        for (int index = from; (index = _source.IndexOf('{', index)) >= 0 && index + 1 < _source.Length; index++)
        {
            if (_source[index + 1] is '{' or '%' or '#')
                return index;
        }
        return _source.Length;
    }

    private string WithoutIndentation(string text)
    {
        int line = text.LastIndexOf('\n') + 1;
        bool isIndentation = (line > 0 || _beginsLine) && text.AsSpan(line).Trim(" \t").IsEmpty;
        return isIndentation ? text[..line] : text;
    }

    private void SkipComment()
    {
        int end = _source.IndexOf("#}", _position, StringComparison.Ordinal);
        if (end < 0)
            throw Fault("has a comment without end");
        char sign = end > _position ? _source[end - 1] : ' ';
        Advance(end + 2);
        AfterTag(sign, dropsLineBreak: true);
    }

    private void AfterTag(char sign, bool dropsLineBreak)
    {
        _stripsNext = sign == '-';
        if (!_stripsNext && dropsLineBreak && sign != '+' && _position < _source.Length && _source[_position] == '\n')
        {
            Advance(_position + 1);
            _beginsLine = true;
        }
    }

    private void ReadTag(char kind)
    {
        bool isStatement = kind == '%';
        Add(isStatement ? TokenKind.OpenStatement : TokenKind.OpenExpression, isStatement ? "{%" : "{{");
        string close = isStatement ? "%}" : "}}";
        Stack<char> open = new();
        while (true)
        {
            while (_position < _source.Length && char.IsWhiteSpace(_source[_position]))
                Advance(_position + 1);
            if (_position >= _source.Length)
                throw Fault($"has a tag without {close}");
            char sign = _source[_position];
            bool hasSign = sign == '-' || (sign == '+' && isStatement);
            if (open.Count == 0 && string.CompareOrdinal(_source, _position + (hasSign ? 1 : 0), close, 0, 2) == 0)
            {
                Advance(_position + (hasSign ? 3 : 2));
                Add(isStatement ? TokenKind.CloseStatement : TokenKind.CloseExpression, close);
                AfterTag(hasSign ? sign : ' ', dropsLineBreak: isStatement);
                return;
            }
            ReadToken(sign, open);
        }
    }

    private void ReadToken(char first, Stack<char> open)
    {
        if (first is '\'' or '"')
            ReadString(first);
        else if (char.IsAsciiDigit(first))
            ReadNumber();
        else if (first == '_' || char.IsLetter(first))
            AddWhile(TokenKind.Name, sign => sign == '_' || char.IsLetterOrDigit(sign));
        else if (Array.Find(s_operators, sign => string.CompareOrdinal(_source, _position, sign, 0, sign.Length) == 0) is { } found)
            AddOperator(found, open);
        else
            throw Fault($"has the sign {first} in a tag");
    }

    private void AddOperator(string sign, Stack<char> open)
    {
        Add(TokenKind.Operator, sign);
        Advance(_position + sign.Length);
        if (sign is "(" or "[" or "{")
            open.Push(sign[0]);
        else if (sign is ")" or "]" or "}" && !(open.TryPop(out char opened) && (opened, sign) is ('(', ")") or ('[', "]") or ('{', "}")))
            throw Fault($"closes with {sign} what is not open");
    }

    private void ReadNumber()
    {
        int end = _position;
        while (end < _source.Length && (char.IsAsciiDigit(_source[end]) || _source[end] == '_'))
            end++;
        bool isFloat = end + 1 < _source.Length && _source[end] == '.' && char.IsAsciiDigit(_source[end + 1])
            && _tokens[^1] is not { Kind: TokenKind.Operator, Text: "." };
        if (isFloat)
        {
            end++;
            while (end < _source.Length && char.IsAsciiDigit(_source[end]))
                end++;
        }
        Add(isFloat ? TokenKind.Float : TokenKind.Integer, _source[_position..end].Replace("_", "", StringComparison.Ordinal));
        Advance(end);
    }

    private void ReadString(char quote)
    {
        var text = new StringBuilder();
        int index = _position + 1;
        for (; index < _source.Length && _source[index] != quote; index++)
        {
            if (_source[index] == '\\')
                index = ReadEscape(index + 1, text);
            else
                text.Append(_source[index]);
        }
        if (index >= _source.Length)
            throw Fault("has a text without its closing quote");
        Add(TokenKind.String, text.ToString());
        Advance(index + 1);
    }

    /// <returns>The index of the last character of the escape.</returns>
    private int ReadEscape(int index, StringBuilder text)
    {
        char kind = index < _source.Length ? _source[index] : ' ';
        int digits = kind switch { 'x' => 2, 'u' => 4, _ => 0 };
        if (digits > 0)
        {
            bool isCode = ushort.TryParse(
                _source.AsSpan(index + 1, Math.Min(digits, _source.Length - index - 1)), NumberStyles.AllowHexSpecifier,
                CultureInfo.InvariantCulture, out ushort code);
            if (!isCode)
                throw Fault($"has a text with a broken escape \\{kind}");
            text.Append((char)code);
            return index + digits;
        }
        text.Append(kind switch
        {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\b',
            'f' => '\f',
            'v' => '\v',
            '\\' or '\'' or '"' => kind,
            _ => throw Fault($"has a text with the escape \\{kind}, which is not computed"),
        });
        return index;
    }

    private void AddWhile(TokenKind kind, Func<char, bool> belongs)
    {
        int end = _position;
        while (end < _source.Length && belongs(_source[end]))
            end++;
        Add(kind, _source[_position..end]);
        Advance(end);
    }

    private void Add(TokenKind kind, string text) => _tokens.Add(new Token(kind, text, _line));

    private void Advance(int position)
    {
        _line += _source.AsSpan(_position, position - _position).Count('\n');
        _position = position;
    }

    private TemplateException Fault(string what) => new($"line {_line} {what}");
}
