using System.Globalization;

namespace LLaDA.Diffusion.Text.Templates;

/// <summary>What a name stands for that has no value.</summary>
internal sealed class Undefined
{
    private Undefined()
    {
    }

    public static Undefined Value { get; } = new();
}

/// <summary>A mapping from texts, in the order of its entries.</summary>
internal sealed class Map : OrderedDictionary<string, object?>;

/// <summary>The one kind of value that a template changes.</summary>
internal sealed class Namespace
{
    public Dictionary<string, object?> Attributes { get; } = [];
}

/// <summary>
/// What values of expressions have in common. They are null, <see cref="Undefined"/>, truth values, long, double,
/// <see cref="MarkedText"/>, lists (arrays), <see cref="Map"/>, <see cref="Namespace"/>, <see cref="Loop"/> and <see cref="Macro"/>.
/// </summary>
internal static class Values
{
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool truth => truth,
        long number => number != 0,
        double number => number != 0,
        MarkedText text => text.Length > 0,
        object?[] list => list.Length > 0,
        Map map => map.Count > 0,
        _ => true,
    };

    /// <summary>As Python writes a value.</summary>
    public static MarkedText Write(object? value) => value switch
    {
        Undefined => MarkedText.Empty,
        MarkedText text => text,
        null => MarkedText.Structure("None"),
        bool truth => MarkedText.Structure(truth ? "True" : "False"),
        long number => MarkedText.Structure(number.ToString(CultureInfo.InvariantCulture)),
        double number => MarkedText.Structure(Write(number)),
        _ => throw new TemplateException($"it writes {Kind(value)} as text, which is not computed; tojson is"),
    };

    public static string Write(double number)
    {
        string text = number.ToString("R", CultureInfo.InvariantCulture);
        return text.All(sign => sign == '-' || char.IsAsciiDigit(sign)) ? text + ".0" : text;
    }

    /// <summary>What a value is, for messages.</summary>
    public static string Kind(object? value) => value switch
    {
        null => "none",
        Undefined => "an undefined value",
        bool => "a truth value",
        long or double => "a number",
        MarkedText => "a text",
        object?[] => "a list",
        Map => "a mapping",
        Macro => "a macro",
        _ => "an object",
    };

    public static bool AreEqual(object? left, object? right, Budget budget)
    {
        budget.Enter();
        bool areEqual = HaveSameContent(left, right, budget);
        budget.Leave();
        return areEqual;
    }

    private static bool HaveSameContent(object? left, object? right, Budget budget)
    {
        if (left is bool or long or double && right is bool or long or double)
            return Number(left).Equals(Number(right));
        switch (left, right)
        {
            case (MarkedText first, MarkedText second):
                budget.Read(first.Length);
                return first.Text == second.Text;
            case (object?[] first, object?[] second):
                return first.Length == second.Length && !first.Where((item, index) => !AreEqual(item, second[index], budget)).Any();
            case (Map first, Map second):
                return first.Count == second.Count && first.All(
                    entry => second.TryGetValue(entry.Key, out object? value) && AreEqual(entry.Value, value, budget));
            default:
                return ReferenceEquals(left, right);
        }
    }

    /// <summary>Negative, zero or positive, of two numbers or two texts.</summary>
    public static int Compare(object? left, object? right, Budget budget)
    {
        if (left is bool or long or double && right is bool or long or double)
            return Number(left).CompareTo(Number(right));
        if (left is not MarkedText first || right is not MarkedText second)
            throw new TemplateException($"it compares {Kind(left)} and {Kind(right)}");
        budget.Read(Math.Min(first.Length, second.Length));
        return string.CompareOrdinal(first.Text, second.Text);
    }

    public static double Number(object? value) => value switch
    {
        bool truth => truth ? 1 : 0,
        long whole => whole,
        double number => number,
        _ => throw new TemplateException($"it counts with {Kind(value)}"),
    };

    /// <summary>What a loop or a filter goes through: items of a list, keys of a mapping, characters of a text.</summary>
    public static object?[] Items(object? value, Budget budget)
    {
        switch (value)
        {
            case object?[] list:
                return list;
            case Undefined:
                return [];
            case Map map:
                budget.MakeItems(map.Count);
                return [.. map.Keys.Select(MarkedText.Content)];
            case MarkedText text:
                budget.MakeItems(text.Length);
                return [.. TextSlices.Characters(text)];
            default:
                throw new TemplateException($"it goes through {Kind(value)} as if it were a list");
        }
    }
}
