using System.Text;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// Possessive quantifiers (<c>?+</c>, <c>*+</c>, <c>++</c>), which .NET does not know, as the atomic groups that they stand for. Patterns
/// of tokenizers have them, such as Ling's, which conversions of LLaDA-8B use for it.
/// </summary>
internal static class PossessiveQuantifiers
{
    /// <param name="pattern">
    /// In Oniguruma's syntax, where a possessive <c>{n}+</c> does not exist. What is no valid pattern stays none.
    /// </param>
    public static string ToAtomic(string pattern)
    {
        var atomic = new StringBuilder();
        Stack<int> groups = new();
        int atom = 0;           // Where the part begins that a quantifier would repeat.
        for (int index = 0; index < pattern.Length;)
        {
            char first = pattern[index];
            int end = End(pattern, index);
            bool isGroupOption = first == '?' && groups.TryPeek(out int open) && open == atomic.Length - 1;
            if (first == '(')
                groups.Push(atomic.Length);
            else if (first == ')')
                atom = groups.TryPop(out int start) ? start : atomic.Length;
            else if (first is not ('?' or '*' or '+' or '{') || isGroupOption)
                atom = atomic.Length;

            atomic.Append(pattern, index, end - index);
            bool isPossessive = first is '?' or '*' or '+' && !isGroupOption && end < pattern.Length && pattern[end] == '+';
            if (isPossessive)
                atomic.Insert(atom, "(?>").Append(')');
            index = isPossessive ? end + 1 : end;
        }
        return atomic.ToString();
    }

    /// <summary>Where the element that begins at an index ends: an escape, a class, a counted quantifier or one character.</summary>
    private static int End(string pattern, int index) => Math.Min(pattern.Length, pattern[index] switch
    {
        '\\' => EndOfEscape(pattern, index),
        '[' => EndOfClass(pattern, index),
        '{' => Behind(pattern, '}', index),
        _ => index + 1,
    });

    private static int EndOfEscape(string pattern, int index)
    {
        const int prefix = 2;
        char kind = index + 1 < pattern.Length ? pattern[index + 1] : '\\';
        bool isBraced = kind is 'p' or 'P' or 'x' && index + prefix < pattern.Length && pattern[index + prefix] == '{';
        int digits = kind switch { 'x' => 2, 'u' => 4, _ => 0 };
        return isBraced ? Behind(pattern, '}', index) : index + prefix + digits;
    }

    /// <summary>A bracket that comes first is one of the class.</summary>
    private static int EndOfClass(string pattern, int index)
    {
        int next = index + 1;
        if (next < pattern.Length && pattern[next] == '^')
            next++;
        if (next < pattern.Length && pattern[next] == ']')
            next++;
        while (next < pattern.Length && pattern[next] != ']')
            next = pattern[next] == '\\' ? EndOfEscape(pattern, next) : next + 1;
        return next + 1;
    }

    private static int Behind(string pattern, char sign, int index)
    {
        int found = pattern.IndexOf(sign, index);
        return found < 0 ? pattern.Length : found + 1;
    }
}
