using System.Text.Json.Nodes;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>
/// The fields of a config.json, by the names of either dialect. Null counts as absent; faults are collected, and so is which fields were
/// asked for, so that the others can be refused.
/// </summary>
internal sealed class ConfigFields(JsonObject json)
{
    private readonly List<string> _errors = [];
    private readonly HashSet<string> _read = [];

    /// <summary>Sentences.</summary>
    public IReadOnlyList<string> Errors => _errors;

    public void Refuse(string sentence) => _errors.Add(sentence);

    /// <summary>Marks fields as read whose values are of no account.</summary>
    public void Pass(params string[] names) => _read.UnionWith(names);

    /// <returns>The value under any of the names; they must agree.</returns>
    public JsonNode? Find(params ReadOnlySpan<string> names)
    {
        string? found = null;
        foreach (string name in names)
        {
            bool isFirstTime = _read.Add(name);
            if (json[name] is not { } value)
                continue;
            if (found is not null && isFirstTime && !JsonNode.DeepEquals(json[found], value))
                Refuse($"{found} is {json[found]!.ToJsonString()} and {name} is {value.ToJsonString()}, which disagree");
            found ??= name;
        }
        return found is null ? null : json[found];
    }

    public int Size(params ReadOnlySpan<string> names)
    {
        if (OptionalSize(names) is { } size)
            return size;
        if (Find(names) is null)
            Refuse($"{names[0]} is missing");
        return 0;
    }

    public int? OptionalSize(params ReadOnlySpan<string> names) =>
        Find(names) is { } value ? Whole(value, names[0]) : null;

    /// <returns>One size, or all of a list; at least one value.</returns>
    public int[] Sizes(string name) => Find(name) is JsonArray { Count: > 0 } list
        ? [.. list.Select(value => Whole(value, name) ?? 0)]
        : [Size(name)];

    public int Multiple(int width, string ratio)
    {
        long size = (long)width * Size(ratio);
        if (size <= int.MaxValue)
            return (int)size;
        Refuse($"{ratio} makes a width of {size}");
        return 0;
    }

    public double Number(string name)
    {
        if (Find(name) is JsonValue value && value.TryGetValue(out double number))
            return number;
        Refuse($"{name} must be a number");
        return 0;
    }

    public bool Flag(bool absent, params ReadOnlySpan<string> names)
    {
        if (Find(names) is not { } value)
            return absent;
        if (value is JsonValue flag && flag.TryGetValue(out bool holds))
            return holds;
        Refuse($"{names[0]} must be true or false, not {value.ToJsonString()}");
        return absent;
    }

    public void RequireText(string expected, params ReadOnlySpan<string> names)
    {
        if (Find(names) is { } value && value.ToString() != expected)
            Refuse($"{names[0]} is \"{value}\"; only \"{expected}\" is supported");
    }

    public void RequireFlag(bool expected, string name)
    {
        if (Flag(expected, name) != expected)
            Refuse($"{name} is {(expected ? "false" : "true")}, which is not supported");
    }

    public void RequireNumber(double expected, string name)
    {
        if (Find(name) is { } value && !(value is JsonValue number && number.TryGetValue(out double given) && given == expected))
            Refuse($"{name} is {value.ToJsonString()}; only {expected} is supported");
    }

    /// <summary>Refuses by name every field that was not asked for and is not known to change nothing.</summary>
    public void RefuseOthers(Func<string, bool> isNeutral)
    {
        foreach (var (name, value) in json)
        {
            if (value is not null && !_read.Contains(name) && !isNeutral(name))
                Refuse($"{name} is {value.ToJsonString()}, which is not supported");
        }
    }

    private int? Whole(JsonNode? value, string name)
    {
        if (value is JsonValue number && number.TryGetValue(out double size) && size >= 0 && size <= int.MaxValue && double.IsInteger(size))
            return (int)size;
        Refuse($"{name} must be a non-negative integer, not {value?.ToJsonString() ?? "null"}");
        return null;
    }
}
