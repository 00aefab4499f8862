using System.Runtime.ExceptionServices;

namespace LLaDA.Diffusion.Text.Templates;

/// <summary>Filters of lists. What goes through a mapping goes through its keys, through a text through its characters.</summary>
internal static class ListFilters
{
    public static object? At(Evaluator evaluator, object? value, GivenArguments given, bool last)
    {
        given.Allow();
        object?[] items = Values.Items(value, evaluator.Budget);
        return items.Length == 0 ? Undefined.Value : items[last ? items.Length - 1 : 0];
    }

    public static object Entries(Evaluator evaluator, object? value, GivenArguments given) => value switch
    {
        Map map => MapMethods.Entries(evaluator.Budget, map, given),
        Undefined => Array.Empty<object?>(),
        _ => throw new TemplateException($"it asks for the entries of {Values.Kind(value)}"),
    };

    public static object Reverse(Evaluator evaluator, object? value, GivenArguments given)
    {
        given.Allow();
        evaluator.Budget.Make((value as MarkedText)?.Length ?? 1);
        return value is MarkedText text
            ? TextSlices.Cut(text, null, null, -1, evaluator.Budget)
            : Values.Items(value, evaluator.Budget).Reverse().ToArray();
    }

    public static object Join(Evaluator evaluator, object? value, GivenArguments given)
    {
        given.Allow("d", "attribute");
        object?[] items = Values.Items(value, evaluator.Budget);
        if (given.OptionalText(1, "attribute") is { } attribute)
            items = [.. items.Select(item => Attribute(evaluator, item, attribute))];
        return TextMethods.Join(
            evaluator.Budget, given.OptionalText(0, "d") ?? MarkedText.Empty, [.. items.Select(Values.Write)]);
    }

    public static object Unique(Evaluator evaluator, object? value, GivenArguments given)
    {
        bool isExact = given.Allow("case_sensitive").Flag(0, "case_sensitive");
        List<object?> found = [];
        foreach (object? item in Values.Items(value, evaluator.Budget))
        {
            if (!found.Exists(other => Values.AreEqual(Key(other, isExact), Key(item, isExact), evaluator.Budget)))
                found.Add(item);
        }
        return found.ToArray();
    }

    public static object Sort(Evaluator evaluator, object? value, GivenArguments given)
    {
        given.Allow("reverse", "case_sensitive", "attribute");
        var attribute = given.OptionalText(2, "attribute");
        return Sorted(
            evaluator, Values.Items(value, evaluator.Budget), item => attribute is null ? item : Attribute(evaluator, item, attribute),
            given.Flag(0, "reverse"), given.Flag(1, "case_sensitive"));
    }

    public static object SortMap(Evaluator evaluator, object? value, GivenArguments given)
    {
        given.Allow("case_sensitive", "by", "reverse");
        int part = given.OptionalText(1, "by")?.Text switch
        {
            null or "key" => 0,
            "value" => 1,
            var other => throw new TemplateException($"it sorts a mapping by {other}"),
        };
        object?[] entries = value is Map map
            ? MapMethods.Entries(evaluator.Budget, map, GivenArguments.None("dictsort"))
            : throw new TemplateException($"it sorts {Values.Kind(value)} as a mapping");
        return Sorted(evaluator, entries, entry => ((object?[])entry!)[part], given.Flag(2, "reverse"), given.Flag(0, "case_sensitive"));
    }

    public static object Map(Evaluator evaluator, object? value, GivenArguments given)
    {
        object?[] items = Values.Items(value, evaluator.Budget);
        evaluator.Budget.MakeItems(items.Length / 8);
        if (given.Named.ContainsKey("attribute"))
        {
            var attribute = given.Allow("filter", "attribute", "default").Text(1, "attribute");
            object? absent = given[2, "default"];
            return items.Select(item => Attribute(evaluator, item, attribute) is not Undefined and var found ? found : absent).ToArray();
        }
        string name = given.Text(0, "filter").Text;
        var filter = Filters.ByName.GetValueOrDefault(name)
            ?? throw new TemplateException($"it uses the filter {name}, which is not computed");
        var inner = new GivenArguments($"the filter {name}", [.. given.Positional.Skip(1)], given.Named);
        return items.Select(item => filter(evaluator, item, inner)).ToArray();
    }

    public static object Select(Evaluator evaluator, object? value, GivenArguments given, bool keeps) =>
        Where(evaluator, value, given, 0, keeps, item => item);

    public static object SelectByAttribute(Evaluator evaluator, object? value, GivenArguments given, bool keeps)
    {
        var attribute = given.Text(0, "attribute");
        return Where(evaluator, value, given, 1, keeps, item => Attribute(evaluator, item, attribute));
    }

    private static object?[] Where(
        Evaluator evaluator, object? value, GivenArguments given, int testAt, bool keeps, Func<object?, object?> tested)
    {
        object?[] items = Values.Items(value, evaluator.Budget);
        evaluator.Budget.MakeItems(items.Length / 8);
        if (given.Positional.Count <= testAt)
            return [.. items.Where(item => Values.IsTrue(tested(item)) == keeps)];
        string name = given.Text(testAt, "test").Text;
        var test = Tests.ByName.GetValueOrDefault(name) ?? throw new TemplateException($"it uses the test {name}, which is not computed");
        var inner = new GivenArguments($"the test {name}", [.. given.Positional.Skip(testAt + 1)], given.Named);
        return [.. items.Where(item => test(evaluator, tested(item), inner) == keeps)];
    }

    /// <summary>An attribute, or one of an attribute: names with dots between.</summary>
    private static object? Attribute(Evaluator evaluator, object? item, MarkedText path)
    {
        evaluator.Budget.Read(path.Length);
        foreach (string name in path.Text.Split('.'))
            item = item is Undefined ? item : Evaluator.Attribute(item, name, line: 0);
        return item;
    }

    private static object?[] Sorted(Evaluator evaluator, object?[] items, Func<object?, object?> key, bool isReverse, bool isExact)
    {
        evaluator.Budget.MakeItems(items.Length / 8);
        var comparer = Comparer<object?>.Create((left, right) => Values.Compare(left, right, evaluator.Budget));
        try
        {
            return isReverse
                ? [.. items.OrderByDescending(item => Key(key(item), isExact), comparer)]
                : [.. items.OrderBy(item => Key(key(item), isExact), comparer)];
        }
        catch (InvalidOperationException exception) when (exception.InnerException is TemplateException inner)
        {
            ExceptionDispatchInfo.Throw(inner);
            throw;
        }
    }

    private static object? Key(object? value, bool isExact) =>
        value is MarkedText text && !isExact ? MarkedText.Content(text.Text.ToLowerInvariant()) : value;
}
