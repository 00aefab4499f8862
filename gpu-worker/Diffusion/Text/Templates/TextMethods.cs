using System.Buffers;

namespace LLaDA.Diffusion.Text.Templates;

/// <summary>The methods of texts, as Python's. Pieces of a text keep the origin of their characters.</summary>
internal static class TextMethods
{
    private static readonly SearchValues<char> s_lineBreaks = SearchValues.Create("\n\r\v\f\x1C\x1D\x1E\x85\u2028\u2029");

    public static IReadOnlyDictionary<string, Func<Budget, MarkedText, GivenArguments, object?>> ByName { get; } =
        new Dictionary<string, Func<Budget, MarkedText, GivenArguments, object?>>
        {
            ["strip"] = (budget, text, given) => Strip(budget, text, given, left: true, right: true),
            ["lstrip"] = (budget, text, given) => Strip(budget, text, given, left: true, right: false),
            ["rstrip"] = (budget, text, given) => Strip(budget, text, given, left: false, right: true),
            ["split"] = Split,
            ["rsplit"] = SplitFromEnd,
            ["splitlines"] = SplitLines,
            ["startswith"] = (budget, text, given) =>
                IsAny(budget, text, given, (all, part) => all.StartsWith(part, StringComparison.Ordinal)),
            ["endswith"] = (budget, text, given) =>
                IsAny(budget, text, given, (all, part) => all.EndsWith(part, StringComparison.Ordinal)),
            ["replace"] = Replace,
            ["upper"] = (budget, text, given) => given.Allow() is var _ ? Upper(budget, text) : null,
            ["lower"] = (budget, text, given) => given.Allow() is var _ ? Lower(budget, text) : null,
            ["capitalize"] = (budget, text, given) => given.Allow() is var _ ? Capitalize(budget, text) : null,
            ["removeprefix"] = RemovePrefix,
            ["removesuffix"] = RemoveSuffix,
            ["find"] = (budget, text, given) => Find(budget, text, given),
            ["count"] = (budget, text, given) => Count(budget, text, given),
            ["join"] = (budget, text, given) =>
                Join(budget, text, [.. Values.Items(given.Allow("items")[0, "items"], budget).Select(Values.Write)]),
        };

    public static MarkedText Strip(Budget budget, MarkedText text, GivenArguments given, bool left, bool right)
    {
        string? signs = given.Allow("chars").OptionalText(0, "chars")?.Text;
        budget.Search(text.Length, signs?.Length ?? 0);
        bool IsStripped(char sign) => signs is null ? IsSpace(sign) : signs.Contains(sign, StringComparison.Ordinal);
        int start = 0, end = text.Length;
        while (left && start < end && IsStripped(text.Text[start]))
            start++;
        while (right && end > start && IsStripped(text.Text[end - 1]))
            end--;
        budget.Make(end - start);
        return text.Slice(start, end - start);
    }

    public static MarkedText Upper(Budget budget, MarkedText text) => Change(budget, text, part => part.ToUpperInvariant());

    public static MarkedText Lower(Budget budget, MarkedText text) => Change(budget, text, part => part.ToLowerInvariant());

    public static MarkedText Capitalize(Budget budget, MarkedText text) => text.Length == 0
        ? text
        : MarkedText.Concat([Upper(budget, text.Slice(0, 1)), Lower(budget, text.Slice(1, text.Length - 1))]);

    public static MarkedText Join(Budget budget, MarkedText between, IReadOnlyList<MarkedText> parts)
    {
        budget.Make(parts.Sum(part => (long)part.Length + between.Length));
        List<MarkedText> joined = new(parts.Count * 2);
        foreach (var (index, part) in parts.Index())
        {
            if (index > 0)
                joined.Add(between);
            joined.Add(part);
        }
        return MarkedText.Concat(joined);
    }

    public static MarkedText Replace(Budget budget, MarkedText text, GivenArguments given)
    {
        given.Allow("old", "new", "count");
        MarkedText old = given.Text(0, "old"), by = given.Text(1, "new");
        if (old.Length == 0)
            throw new TemplateException("it replaces an empty text, which is not computed");
        return Join(budget, by, Cut(budget, text, old, given.Whole(2, "count", -1)));
    }

    private static MarkedText Change(Budget budget, MarkedText text, Func<string, string> change)
    {
        budget.Make(text.Length);
        return text.Map(change);
    }

    private static object?[] Split(Budget budget, MarkedText text, GivenArguments given)
    {
        given.Allow("sep", "maxsplit");
        long most = given.Whole(1, "maxsplit", -1);
        if (given.OptionalText(0, "sep") is { } separator)
            return [.. Cut(budget, text, RequireSeparator(separator), most)];
        budget.MakeItems(text.Length / 2);
        List<object?> words = [];
        for (int start = SkipSpace(text.Text, 0); start < text.Length;)
        {
            int end = start;
            while (end < text.Length && !IsSpace(text.Text[end]))
                end++;
            if (words.Count == most)
                end = text.Length;
            words.Add(text.Slice(start, end - start));
            start = SkipSpace(text.Text, end);
        }
        return words.ToArray();
    }

    private static object?[] SplitFromEnd(Budget budget, MarkedText text, GivenArguments given)
    {
        given.Allow("sep", "maxsplit");
        var separator = RequireSeparator(given.Text(0, "sep"));
        var parts = Cut(budget, text, separator, -1);
        long most = given.Whole(1, "maxsplit", -1);
        if (most < 0 || parts.Count <= most + 1)
            return [.. parts];
        int head = parts.Count - (int)most;
        return [Join(budget, separator, parts[..head]), .. parts[head..]];
    }

    private static MarkedText RequireSeparator(MarkedText separator) =>
        separator.Length > 0 ? separator : throw new TemplateException("it splits at an empty text");

    /// <summary>What lies between the places where a text stands; at most so many places, a negative number for all.</summary>
    private static List<MarkedText> Cut(Budget budget, MarkedText text, MarkedText at, long most)
    {
        budget.Search(text.Length, at.Length);
        List<MarkedText> parts = [];
        int start = 0;
        while (parts.Count != most && text.Text.IndexOf(at.Text, start, StringComparison.Ordinal) is var found and >= 0)
        {
            parts.Add(text.Slice(start, found - start));
            budget.MakeItems(1);
            budget.Make(found - start);
            start = found + at.Length;
        }
        budget.Make(text.Length - start);
        parts.Add(text.Slice(start, text.Length - start));
        return parts;
    }

    private static object?[] SplitLines(Budget budget, MarkedText text, GivenArguments given)
    {
        given.Allow();
        budget.MakeItems(text.Length);
        List<object?> lines = [];
        for (int start = 0; start < text.Length;)
        {
            int length = text.Text.AsSpan(start).IndexOfAny(s_lineBreaks) is var found and >= 0 ? found : text.Length - start;
            lines.Add(text.Slice(start, length));
            int end = start + length;
            bool isPair = end + 1 < text.Length && text.Text[end] == '\r' && text.Text[end + 1] == '\n';
            start = end + (isPair ? 2 : 1);
        }
        return lines.ToArray();
    }

    private static bool IsAny(Budget budget, MarkedText text, GivenArguments given, Func<string, string, bool> isIt)
    {
        given.Allow("prefix");
        object?[] parts = given[0, "prefix"] is object?[] list ? list : [given.Text(0, "prefix")];
        budget.Read(parts.Sum(part => (long)((part as MarkedText)?.Length ?? 0)));
        return Array.Exists(parts, part => part is MarkedText marked
            ? isIt(text.Text, marked.Text)
            : throw new TemplateException($"it gives {given.Of} {Values.Kind(part)} where a text is due"));
    }

    private static MarkedText RemovePrefix(Budget budget, MarkedText text, GivenArguments given)
    {
        string prefix = given.Allow("prefix").Text(0, "prefix").Text;
        budget.Make(text.Length);
        return text.Text.StartsWith(prefix, StringComparison.Ordinal) ? text.Slice(prefix.Length, text.Length - prefix.Length) : text;
    }

    private static MarkedText RemoveSuffix(Budget budget, MarkedText text, GivenArguments given)
    {
        string suffix = given.Allow("suffix").Text(0, "suffix").Text;
        budget.Make(text.Length);
        return text.Text.EndsWith(suffix, StringComparison.Ordinal) ? text.Slice(0, text.Length - suffix.Length) : text;
    }

    private static long Find(Budget budget, MarkedText text, GivenArguments given)
    {
        string sought = given.Allow("sub").Text(0, "sub").Text;
        budget.Search(text.Length, sought.Length);
        int found = text.Text.IndexOf(sought, StringComparison.Ordinal);
        return found <= 0 ? found : TextSlices.Length(text.Slice(0, found));
    }

    private static long Count(Budget budget, MarkedText text, GivenArguments given) =>
        Cut(budget, text, RequireSeparator(given.Allow("sub").Text(0, "sub")), -1).Count - 1L;

    private static int SkipSpace(string text, int from)
    {
        while (from < text.Length && IsSpace(text[from]))
            from++;
        return from;
    }

    /// <summary>Python's white space.</summary>
    private static bool IsSpace(char sign) => char.IsWhiteSpace(sign) || sign is >= '\x1C' and <= '\x1F';
}
