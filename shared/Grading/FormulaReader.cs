using System.Globalization;

namespace LLaDA.Batch.Shared.Grading;

/// <summary>Reads a <see cref="Formula"/> by recursive descent.</summary>
internal sealed class FormulaReader(string text, IReadOnlyCollection<string> known)
{
    private const int MaxLength = 1000, MaxDepth = 50;

    private static readonly Dictionary<string, Func<double[], double>> s_functions = new()
    {
        ["min"] = values => values.Min(),
        ["max"] = values => values.Max(),
        ["abs"] = values => Math.Abs(values[0]),
        ["floor"] = values => Math.Floor(values[0]),
        ["ceil"] = values => Math.Ceiling(values[0]),
        ["exp"] = values => Math.Exp(values[0]),
        ["sqrt"] = values => Math.Sqrt(values[0]),
        ["log"] = values => Math.Log(values[0]),
    };

    private readonly HashSet<string> _names = [];
    private int _at;
    private int _depth;

    private delegate double Term(Func<string, double> valueOf);

    public IReadOnlyCollection<string> Names => _names;

    public static bool IsFunction(string name) => s_functions.ContainsKey(name);

    public static bool IsNameCharacter(char character) => char.IsAsciiLetterOrDigit(character) || character == '_';

    /// <exception cref="FormatException">As for <see cref="Formula.Parse"/>.</exception>
    public Func<Func<string, double>, double> Read()
    {
        if (text.Length > MaxLength)
            throw new FormatException($"must have at most {MaxLength} characters");
        var term = Sum();
        return Peek() == '\0' ? new Func<Func<string, double>, double>(term) : throw Unexpected();
    }

    private Term Sum()
    {
        if (++_depth > MaxDepth)
            throw new FormatException($"must not be nested more than {MaxDepth} deep");
        var sum = Product();
        while (TakeAny("+-") is { } sign)
        {
            var (left, right) = (sum, Product());
            sum = sign == '+' ? valueOf => left(valueOf) + right(valueOf) : valueOf => left(valueOf) - right(valueOf);
        }
        _depth--;
        return sum;
    }

    private Term Product()
    {
        var product = Signed();
        while (TakeAny("*/") is { } sign)
        {
            var (left, right) = (product, Signed());
            product = sign == '*' ? valueOf => left(valueOf) * right(valueOf) : valueOf => left(valueOf) / right(valueOf);
        }
        return product;
    }

    private Term Signed()
    {
        bool isNegative = false;
        while (TakeAny("+-") is { } sign)
            isNegative ^= sign == '-';
        var power = Power();
        return isNegative ? valueOf => -power(valueOf) : power;
    }

    private Term Power()
    {
        var root = Primary();
        if (TakeAny("^") is null)
            return root;
        if (++_depth > MaxDepth)
            throw new FormatException($"must not be nested more than {MaxDepth} deep");
        var exponent = Signed();
        _depth--;
        return valueOf => Math.Pow(root(valueOf), exponent(valueOf));
    }

    private Term Primary()
    {
        char first = Peek();
        if (TakeAny("(") is not null)
        {
            var inner = Sum();
            Require(')');
            return inner;
        }
        int start = _at;
        if (char.IsAsciiDigit(first) || first == '.')
            return Number(start);
        while (_at < text.Length && IsNameCharacter(text[_at]))
            _at++;
        string name = text[start.._at];
        if (name.Length == 0)
            throw Unexpected();
        if (TakeAny("(") is not null)
            return Call(name);
        if (!known.Contains(name))
            throw new FormatException($"uses '{Wire.Excerpt.Of(name)}', which is no grader");
        _names.Add(name);
        return valueOf => valueOf(name);
    }

    private Term Number(int start)
    {
        while (_at < text.Length && (char.IsAsciiDigit(text[_at]) || text[_at] == '.'))
            _at++;
        string digits = text[start.._at];
        return double.TryParse(digits, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            ? _ => number
            : throw new FormatException($"has '{digits}', which is no number");
    }

    private Term Call(string name)
    {
        if (!s_functions.TryGetValue(name, out var function))
            throw new FormatException($"calls '{Wire.Excerpt.Of(name)}'; functions are {string.Join(", ", s_functions.Keys)}");
        List<Term> arguments = [Sum()];
        while (TakeAny(",") is not null)
            arguments.Add(Sum());
        Require(')');
        return arguments.Count == 1 || name is "min" or "max"
            ? valueOf => function([.. arguments.Select(argument => argument(valueOf))])
            : throw new FormatException($"gives {name} {arguments.Count} numbers; it takes one");
    }

    private char Peek()
    {
        while (_at < text.Length && text[_at] == ' ')
            _at++;
        return _at < text.Length ? text[_at] : '\0';
    }

    private char? TakeAny(string characters)
    {
        char next = Peek();
        if (next == '\0' || !characters.Contains(next, StringComparison.Ordinal))
            return null;
        _at++;
        return next;
    }

    private void Require(char character)
    {
        if (TakeAny(character.ToString()) is null)
            throw Unexpected();
    }

    private FormatException Unexpected() => new(_at < text.Length
        ? $"has '{text[_at]}' where it is not expected, at character {_at + 1}"
        : "ends too early");
}
