namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Jinja's filters.</summary>
internal static class Filters
{
    public static IReadOnlyDictionary<string, Func<Evaluator, object?, GivenArguments, object?>> ByName { get; } =
        new Dictionary<string, Func<Evaluator, object?, GivenArguments, object?>>
        {
            ["trim"] = OfText((budget, text, given) => TextMethods.Strip(budget, text, given, left: true, right: true)),
            ["upper"] = OfText((budget, text, given) => given.Allow() is var _ ? TextMethods.Upper(budget, text) : null),
            ["lower"] = OfText((budget, text, given) => given.Allow() is var _ ? TextMethods.Lower(budget, text) : null),
            ["capitalize"] = OfText((budget, text, given) => given.Allow() is var _ ? TextMethods.Capitalize(budget, text) : null),
            ["replace"] = OfText(TextMethods.Replace),
            ["indent"] = OfText(Indent),
            ["string"] = (_, value, given) => given.Allow() is var _ ? Values.Write(value) : null,
            ["safe"] = (_, value, given) => given.Allow() is var _ ? value : null,
            ["default"] = Default,
            ["d"] = Default,
            ["length"] = (evaluator, value, given) => Length(evaluator, value, given),
            ["count"] = (evaluator, value, given) => Length(evaluator, value, given),
            ["int"] = Numbers.Whole,
            ["float"] = Numbers.Real,
            ["abs"] = Numbers.Absolute,
            ["tojson"] = (evaluator, value, given) => new JsonText(evaluator.Budget, given).Write(value),
            ["first"] = (evaluator, value, given) => ListFilters.At(evaluator, value, given, last: false),
            ["last"] = (evaluator, value, given) => ListFilters.At(evaluator, value, given, last: true),
            ["list"] = (evaluator, value, given) => given.Allow() is var _ ? Values.Items(value, evaluator.Budget) : null,
            ["items"] = ListFilters.Entries,
            ["reverse"] = ListFilters.Reverse,
            ["join"] = ListFilters.Join,
            ["unique"] = ListFilters.Unique,
            ["sort"] = ListFilters.Sort,
            ["dictsort"] = ListFilters.SortMap,
            ["map"] = ListFilters.Map,
            ["select"] = (evaluator, value, given) => ListFilters.Select(evaluator, value, given, keeps: true),
            ["reject"] = (evaluator, value, given) => ListFilters.Select(evaluator, value, given, keeps: false),
            ["selectattr"] = (evaluator, value, given) => ListFilters.SelectByAttribute(evaluator, value, given, keeps: true),
            ["rejectattr"] = (evaluator, value, given) => ListFilters.SelectByAttribute(evaluator, value, given, keeps: false),
        };

    private static Func<Evaluator, object?, GivenArguments, object?> OfText(Func<Budget, MarkedText, GivenArguments, object?> filter) =>
        (evaluator, value, given) => filter(evaluator.Budget, Values.Write(value), given);

    private static object? Default(Evaluator evaluator, object? value, GivenArguments given)
    {
        bool isAbsent = value is Undefined || (given.Allow("default_value", "boolean").Flag(1, "boolean") && !Values.IsTrue(value));
        object? absent = given[0, "default_value"];
        return !isAbsent ? value : absent is Undefined ? MarkedText.Empty : absent;
    }

    private static long Length(Evaluator evaluator, object? value, GivenArguments given)
    {
        given.Allow();
        evaluator.Budget.Read((value as MarkedText)?.Length ?? 0);
        return value switch
        {
            MarkedText text => TextSlices.Length(text),
            object?[] list => list.Length,
            Map map => map.Count,
            Undefined => 0,
            _ => throw new TemplateException($"it asks for the length of {Values.Kind(value)}"),
        };
    }

    /// <summary>Lines behind the first are moved right; empty ones stay empty unless they are asked for.</summary>
    private static MarkedText Indent(Budget budget, MarkedText text, GivenArguments given)
    {
        given.Allow("width", "first", "blank");
        object? width = given[0, "width"];
        var space = width as MarkedText ?? MarkedText.Structure(new string(' ', (int)Math.Clamp(given.Whole(0, "width", 4), 0, 1000)));
        List<MarkedText> parts = [];
        for (int start = 0; start <= text.Length;)
        {
            int end = text.Text.IndexOf('\n', start) is var found and >= 0 ? found : text.Length;
            bool isMoved = (start > 0 || given.Flag(1, "first")) && (end > start || (start > 0 && given.Flag(2, "blank")));
            if (isMoved)
                parts.Add(space);
            budget.MakeItems(0);
            budget.Make(space.Length + end - start);
            int next = Math.Min(end + 1, text.Length);
            parts.Add(text.Slice(start, next - start));
            start = end + 1;
        }
        return MarkedText.Concat(parts);
    }
}
