using System.Text.Json;

namespace LLaDA.Batch.Shared.Wire;

/// <summary>Makes the exception for a value that breaks a rule.</summary>
/// <param name="message">A sentence that begins with the path.</param>
/// <param name="path">The value at fault, such as <c>method.type</c>.</param>
/// <param name="code">For programs; null where the sentence is all there is.</param>
public delegate Exception JsonFault(string message, string? path, string? code);

/// <summary>
/// Reads the properties of one JSON object by their names and keeps account of them, so that a property without a reader is refused and
/// never ignored in silence. A null is absent. Messages name the whole path of a value.
/// </summary>
public sealed class JsonReader
{
    private readonly JsonFault _fault;
    private readonly HashSet<string> _names = [];

    /// <param name="json">An object; anything else has no properties.</param>
    /// <param name="fault">How a fault is reported.</param>
    /// <param name="path">The path of the object; empty for the outermost one.</param>
    public JsonReader(JsonElement json, JsonFault fault, string path = "")
    {
        Json = json;
        _fault = fault;
        Path = path;
    }

    public JsonElement Json { get; }

    /// <summary>Empty for the outermost object.</summary>
    public string Path { get; }

    /// <summary>The names that were read or passed, whether they are there or not.</summary>
    public IReadOnlyCollection<string> Names => _names;

    /// <summary>The path of a property.</summary>
    public string PathOf(string name) => Path.Length == 0 ? name : $"{Path}.{name}";

    /// <returns>Null when it is absent or null.</returns>
    public JsonElement? Find(string name)
    {
        _names.Add(name);
        return Json.Find(name);
    }

    /// <summary>Names properties that another reader reads.</summary>
    public void Pass(params IEnumerable<string> names) => _names.UnionWith(names);

    /// <summary>A string that must be there and must not be empty.</summary>
    public string Text(string name) =>
        OptionalText(name) is { Length: > 0 } text ? text : throw Missing(name, "is required and must be a string");

    /// <returns>Null when it is absent or null.</returns>
    public string? OptionalText(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        _ => throw Invalid(name, "must be a string"),
    };

    /// <returns>Null when it is absent or null.</returns>
    public int? Integer(string name, int min = int.MinValue, int max = int.MaxValue) => (int?)LongInteger(name, min, max);

    /// <returns>Null when it is absent or null.</returns>
    public long? LongInteger(string name, long min = long.MinValue, long max = long.MaxValue)
    {
        if (Find(name) is not { } value)
            return null;
        if (value.TryGetInteger(out long number) && number >= min && number <= max)
            return number;
        throw Invalid(name, min > int.MinValue ? $"must be a whole number from {min} to {max}" : "must be a whole number");
    }

    /// <returns>Null when it is absent or null.</returns>
    public double? Number(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetDouble(out double number) && double.IsFinite(number) => number,
        _ => throw Invalid(name, "must be a number"),
    };

    /// <returns>Null when it is absent or null.</returns>
    public bool? Flag(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw Invalid(name, "must be true or false"),
    };

    /// <summary>An enum by its names on the wire.</summary>
    /// <returns>Null when it is absent or null.</returns>
    public T? Choice<T>(string name)
        where T : struct, Enum =>
        OptionalText(name) is not { } text ? null
        : WireNames.TryParse(text, out T value) ? value
        : throw Invalid(name, $"must be {string.Join(" or ", WireNames.All<T>().Select(known => $"'{known}'"))}");

    /// <summary>An object inside of this one; its messages carry the whole path.</summary>
    /// <returns>Null when it is absent or null.</returns>
    public JsonReader? Object(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } value => new JsonReader(value, _fault, PathOf(name)),
        _ => throw Invalid(name, "must be an object"),
    };

    /// <summary>The properties without a reader; a null asks for nothing.</summary>
    public IEnumerable<JsonProperty> Unread() => Json.ValueKind == JsonValueKind.Object
        ? Json.EnumerateObject().Where(property => property.Value.ValueKind != JsonValueKind.Null && !_names.Contains(property.Name))
        : [];

    /// <summary>Refuses a property without a reader. Call it after everything has been read.</summary>
    public void RequireNothingElse()
    {
        foreach (var property in Unread())
        {
            string path = PathOf(Excerpt.Of(property.Name));
            throw _fault($"Unknown parameter: {path}", path, "unknown_parameter");
        }
    }

    /// <param name="rule">What the value breaks, as a sentence behind its path.</param>
    public Exception Invalid(string name, string rule, string? code = null) => _fault($"{PathOf(name)} {rule}", PathOf(name), code);

    /// <inheritdoc cref="Invalid"/>
    public Exception Missing(string name, string rule) => Invalid(name, rule, "missing_required_parameter");
}
