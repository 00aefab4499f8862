using System.Globalization;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>
/// Reads the parameters of a line's body, or of an object in it, and tracks which were read: a parameter that is unknown, or not offered
/// with its value, fails the line and is named with its path. A parameter that is null counts as absent.
/// </summary>
internal sealed class RequestBody
{
    private readonly JsonElement _json;
    private readonly string _prefix;
    private readonly IReadOnlyDictionary<string, Func<JsonElement, bool>> _neutral;
    private readonly HashSet<string> _read = new(StringComparer.Ordinal);

    public RequestBody(JsonElement body)
        : this(body, prefix: "", NeutralParameters.OfBody)
    {
    }

    private RequestBody(JsonElement json, string prefix, IReadOnlyDictionary<string, Func<JsonElement, bool>> neutral) =>
        (_json, _prefix, _neutral) = (json, prefix, neutral);

    /// <summary>The objects of a list.</summary>
    /// <param name="neutral">Parameters of theirs that are accepted with values that ask for nothing.</param>
    /// <exception cref="LineException">An element is not an object.</exception>
    public IEnumerable<RequestBody> Objects(string name, JsonElement list, IReadOnlyDictionary<string, Func<JsonElement, bool>> neutral)
    {
        foreach (var (index, element) in list.EnumerateArray().Index())
        {
            string path = string.Create(CultureInfo.InvariantCulture, $"{name}[{index}]");
            yield return element.ValueKind == JsonValueKind.Object
                ? new RequestBody(element, $"{_prefix}{path}.", neutral)
                : throw Invalid(path, "must be an object");
        }
    }

    /// <returns>Null when absent or null.</returns>
    public JsonElement? Find(string name)
    {
        _read.Add(name);
        return _json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public string Text(string name) => OptionalText(name) ?? throw Missing(name, "is required");

    public string? OptionalText(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        _ => throw Invalid(name, "must be a string"),
    };

    public int? Integer(string name) =>
        LongInteger(name) is not { } number ? null : number is >= int.MinValue and <= int.MaxValue ? (int)number : throw NotWhole(name);

    /// <summary>A whole number in any of JSON's notations: 4, 4.0 and 4e0 are the same.</summary>
    public long? LongInteger(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt64(out long number) => number,
        { ValueKind: JsonValueKind.Number } value when value.TryGetDecimal(out decimal number) && IsLong(number) => (long)number,
        _ => throw NotWhole(name),
    };

    public double? Number(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value => value.GetDouble(),
        _ => throw Invalid(name, "must be a number"),
    };

    public bool? Flag(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw Invalid(name, "must be true or false"),
    };

    /// <summary>A name in snake_case; the default is the enum's first value.</summary>
    public T Name<T>(string parameter)
        where T : struct, Enum
    {
        if (OptionalText(parameter) is not { } name)
            return default;
        foreach (var value in Enum.GetValues<T>())
        {
            if (JsonNamingPolicy.SnakeCaseLower.ConvertName(value.ToString()) == name)
                return value;
        }
        string known = string.Join(", ", Enum.GetNames<T>().Select(JsonNamingPolicy.SnakeCaseLower.ConvertName));
        throw Invalid(parameter, $"must be one of {known}, not '{Excerpt.Of(name)}'");
    }

    /// <summary>Call it after the last read: refuses all parameters that were not read, unless they ask for nothing.</summary>
    /// <exception cref="LineException">A parameter is unknown, or not offered with its value.</exception>
    public void RequireNothingElse()
    {
        foreach (var parameter in _json.EnumerateObject())
        {
            if (_read.Contains(parameter.Name) || parameter.Value.ValueKind == JsonValueKind.Null)
                continue;
            string path = _prefix + Excerpt.Of(parameter.Name);
            if (!_neutral.TryGetValue(parameter.Name, out var isNeutral))
                throw new LineException("unknown_parameter", $"'{path}' is not a parameter of this endpoint", path);
            if (!isNeutral(parameter.Value))
                throw new LineException("unsupported_parameter", $"'{path}' with this value is not offered", path);
        }
    }

    /// <param name="rule">A sentence without its subject.</param>
    public LineException Invalid(string name, string rule) => new("invalid_value", $"{_prefix}{name} {rule}", _prefix + name);

    public LineException Missing(string name, string rule) => new("missing_required_parameter", $"{_prefix}{name} {rule}", _prefix + name);

    private LineException NotWhole(string name) => Invalid(name, "must be a whole number");

    private static bool IsLong(decimal number) => number == decimal.Truncate(number) && number is >= long.MinValue and <= long.MaxValue;
}
