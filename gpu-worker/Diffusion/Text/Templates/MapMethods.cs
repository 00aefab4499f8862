namespace LLaDA.Diffusion.Text.Templates;

/// <summary>The methods of mappings, as Python's.</summary>
internal static class MapMethods
{
    public static IReadOnlyDictionary<string, Func<Budget, Map, GivenArguments, object?>> ByName { get; } =
        new Dictionary<string, Func<Budget, Map, GivenArguments, object?>>
        {
            ["get"] = Get,
            ["items"] = (budget, map, given) => Entries(budget, map, given.Allow()),
            ["keys"] = (budget, map, given) => List(budget, map, given, [.. map.Keys.Select(MarkedText.Content)]),
            ["values"] = (budget, map, given) => List(budget, map, given, [.. map.Values]),
        };

    /// <summary>Lists of a key and its value.</summary>
    public static object?[] Entries(Budget budget, Map map, GivenArguments given) =>
        List(budget, map, given, [.. map.Select(entry => (object?[])[MarkedText.Content(entry.Key), entry.Value])]);

    private static object? Get(Budget budget, Map map, GivenArguments given)
    {
        object? absent = given.Allow("key", "default")[1, "default"];
        return map.TryGetValue(given.Text(0, "key").Text, out object? value) ? value : absent is Undefined ? null : absent;
    }

    private static object?[] List(Budget budget, Map map, GivenArguments given, object?[] items)
    {
        given.Allow();
        budget.MakeItems(map.Count);
        return items;
    }
}
