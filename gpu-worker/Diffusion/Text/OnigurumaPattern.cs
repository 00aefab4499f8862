using System.Text;
using System.Text.RegularExpressions;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// A pattern in the syntax of Oniguruma, which cuts text in Hugging Face's tokenizers, as one of .NET that matches the same. Known is what
/// names ASCII characters and Unicode's categories; anything else is refused by name.
/// </summary>
internal static partial class OnigurumaPattern
{
    private static readonly string[] s_groups = ["(?:", "(?i:", "(?=", "(?!", "(?>", "(?<=", "(?<!"];

    /// <exception cref="FormatException">The pattern has something that is not known here.</exception>
    public static string ToDotNet(string pattern)
    {
        var result = new StringBuilder();
        Stack<bool> outer = new();
        bool ignoresCase = false;
        for (int index = 0; index < pattern.Length;)
        {
            string element = Element(pattern, index);
            index += element.Length;
            switch (element[0])
            {
                case '(':
                    outer.Push(ignoresCase);
                    ignoresCase |= element == "(?i:";
                    result.Append(element == "(?i:" ? "(?:" : element);
                    break;
                case ')':
                    ignoresCase = outer.TryPop(out bool before) && before;
                    result.Append(element);
                    break;
                case '[':
                    result.Append(ignoresCase ? element[..^1] + Cases(element) + ']' : element);
                    break;
                case '^':
                    result.Append(@"(?:(?<![\s\S])|(?<=\n)(?=[\s\S]))");
                    break;
                case '$':
                    result.Append(@"(?=\n|\z)");
                    break;
                default:
                    result.Append(ignoresCase && char.IsAsciiLetter(element[0]) ? $"[{element}{Cases(element)}]" : element);
                    break;
            }
        }
        return PossessiveQuantifiers.ToAtomic(result.ToString());
    }

    private static string Element(string pattern, int index)
    {
        string rest = pattern[index..];
        switch (rest[0])
        {
            case '\\' or '[' or '{':
                var known = rest[0] switch { '\\' => Escape(), '[' => Class(), _ => Count() };
                return known.Match(rest) is { Success: true } match ? match.Value : throw Unknown(pattern, rest);
            case '(' when rest.StartsWith("(?", StringComparison.Ordinal):
                return Array.Find(s_groups, group => rest.StartsWith(group, StringComparison.Ordinal)) ?? throw Unknown(pattern, rest);
            case > '\x7F':
                throw Unknown(pattern, rest);
            default:
                return rest[..1];
        }
    }

    private static FormatException Unknown(string pattern, string rest) =>
        new($"its pattern {pattern} has {rest[..Math.Min(rest.Length, 12)]}, which is not computed");

    /// <summary>The other cases of the letters of an element; the long s and the Kelvin sign are such.</summary>
    private static string Cases(string element)
    {
        string letters = Escape().Replace(element, "");
        var cases = new StringBuilder();
        for (char letter = 'a'; letter <= 'z'; letter++)
        {
            char upper = char.ToUpperInvariant(letter);
            if (!letters.Any(sign => sign == letter || sign == upper) && !IsInRange(letters, letter) && !IsInRange(letters, upper))
                continue;
            cases.Append(letter).Append(upper);
            cases.Append(letter switch { 's' => "\u017F", 'k' => "\u212A", _ => "" });
        }
        return cases.ToString();
    }

    private static bool IsInRange(string letters, char letter) =>
        Range().Matches(letters).Any(range => range.Value[0] <= letter && letter <= range.Value[2]);

    /// <summary>A category, a set that .NET reads alike, a control character or a sign.</summary>
    [GeneratedRegex(@"\G\\(?:[pP]\{[LMNPSZC][a-z]?\}|[sSdDnrtf]|x[0-7][0-9A-Fa-f]|u00[0-7][0-9A-Fa-f]|[!-/:-@\[-`{-~ ])",
        RegexOptions.None, 1000)]
    private static partial Regex Escape();

    [GeneratedRegex(
        @"\G\[\^?(?:\\(?:[pP]\{[LMNPSZC][a-z]?\}|[sSdDnrtf]|x[0-7][0-9A-Fa-f]|u00[0-7][0-9A-Fa-f]"
        + @"|[!-/:-@\[-`{-~ ])|[\x00-\x7F-[\\\]\[&]]|&(?!&))+\]",
        RegexOptions.None, 1000)]
    private static partial Regex Class();

    [GeneratedRegex(@"\G\{[0-9]+(?:,[0-9]*)?\}", RegexOptions.None, 1000)]
    private static partial Regex Count();

    [GeneratedRegex(@"[A-Za-z]-[A-Za-z]", RegexOptions.None, 1000)]
    private static partial Regex Range();
}
