using System.Globalization;
using System.Text;

namespace LLaDA.Diffusion.Text.Templates;

/// <summary>The filter <c>tojson</c>, as transformers has it: Python's <c>json.dumps</c> without escapes of HTML.</summary>
internal sealed class JsonText
{
    private readonly Budget _budget;
    private readonly string _betweenItems, _betweenKeyAndValue;
    private readonly string? _indent;
    private readonly bool _isAscii, _isSorted;
    private readonly List<MarkedText> _parts = [];

    public JsonText(Budget budget, GivenArguments given)
    {
        _budget = budget;
        given.Allow("ensure_ascii", "indent", "separators", "sort_keys");
        _isAscii = given.Flag(0, "ensure_ascii");
        _isSorted = given.Flag(3, "sort_keys");
        _indent = given[1, "indent"] switch
        {
            null or Undefined => null,
            MarkedText text => text.Text,
            _ => new string(' ', (int)Math.Clamp(given.Whole(1, "indent", 0), 0, 100)),
        };
        (_betweenItems, _betweenKeyAndValue) = given[2, "separators"] switch
        {
            null or Undefined => (_indent is null ? ", " : ",", ": "),
            object?[] and [MarkedText items, MarkedText keys] => (items.Text, keys.Text),
            _ => throw new TemplateException("it gives tojson separators that are not two texts"),
        };
    }

    public MarkedText Write(object? value)
    {
        Write(value, 0);
        return MarkedText.Concat(_parts);
    }

    private void Write(object? value, int depth)
    {
        _budget.Enter();
        switch (value)
        {
            case null:
                Add("null");
                break;
            case bool truth:
                Add(truth ? "true" : "false");
                break;
            case long number:
                Add(number.ToString(CultureInfo.InvariantCulture));
                break;
            case double number:
                Add(Values.Write(number));
                break;
            case MarkedText text:
                WriteText(text);
                break;
            case object?[] list:
                WriteAll("[", "]", list, depth, item => Write(item, depth + 1));
                break;
            case Map map:
                var entries = _isSorted ? map.OrderBy(entry => entry.Key, StringComparer.Ordinal) : map.AsEnumerable();
                WriteAll("{", "}", entries.ToArray(), depth, entry =>
                {
                    WriteText(MarkedText.Content(entry.Key));
                    Add(_betweenKeyAndValue);
                    Write(entry.Value, depth + 1);
                });
                break;
            default:
                throw new TemplateException($"it writes {Values.Kind(value)} as JSON");
        }
        _budget.Leave();
    }

    private void WriteAll<T>(string open, string close, IReadOnlyList<T> items, int depth, Action<T> write)
    {
        Add(open);
        foreach (var (index, item) in items.Index())
        {
            if (index > 0)
                Add(_betweenItems);
            BreakLine(depth + 1);
            write(item);
        }
        if (items.Count > 0)
            BreakLine(depth);
        Add(close);
    }

    private void BreakLine(int depth)
    {
        if (_indent is not null)
            Add("\n" + string.Concat(Enumerable.Repeat(_indent, depth)));
    }

    private void WriteText(MarkedText text)
    {
        _budget.Make(text.Length * 2L);
        Add("\"");
        _parts.Add(text.Map(Escape));
        Add("\"");
    }

    private string Escape(string text)
    {
        var escaped = new StringBuilder(text.Length);
        foreach (char sign in text)
        {
            _ = sign switch
            {
                '"' or '\\' => escaped.Append('\\').Append(sign),
                '\n' => escaped.Append("\\n"),
                '\r' => escaped.Append("\\r"),
                '\t' => escaped.Append("\\t"),
                '\b' => escaped.Append("\\b"),
                '\f' => escaped.Append("\\f"),
                < ' ' => escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)sign:x4}"),
                > '\x7F' when _isAscii => escaped.Append(CultureInfo.InvariantCulture, $"\\u{(int)sign:x4}"),
                _ => escaped.Append(sign),
            };
        }
        return escaped.ToString();
    }

    private void Add(string text)
    {
        _budget.Make(text.Length);
        _parts.Add(MarkedText.Structure(text));
    }
}
