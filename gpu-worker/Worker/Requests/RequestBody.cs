using System.Text.Json;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>
/// Reads the parameters of a line's body and keeps account of them: a parameter that would change the result but is not offered, or that nobody knows, fails
/// the line instead of being passed over in silence.
/// </summary>
internal sealed class RequestBody(JsonElement body)
{
    /// <summary>Parameters of OpenAI's endpoints that have no bearing on the result.</summary>
    private static readonly HashSet<string> s_harmless =
        ["model", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "parallel_tool_calls", "stream_options", "verbosity"];

    /// <summary>Parameters that ask for something else unless they have the value that asks for nothing.</summary>
    private static readonly Dictionary<string, Func<JsonElement, bool>> s_neutral = new()
    {
        ["n"] = value => IsNumber(value, 1),
        ["best_of"] = value => IsNumber(value, 1),
        ["presence_penalty"] = value => IsNumber(value, 0),
        ["frequency_penalty"] = value => IsNumber(value, 0),
        ["logprobs"] = value => value.ValueKind == JsonValueKind.False,
        ["echo"] = value => value.ValueKind == JsonValueKind.False,
        ["stream"] = value => value.ValueKind == JsonValueKind.False,
        ["logit_bias"] = value => value.ValueKind == JsonValueKind.Object && value.GetPropertyCount() == 0,
        ["tools"] = value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0,
        ["tool_choice"] = value => IsText(value, "none") || IsText(value, "auto"),
        ["functions"] = value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0,
        ["function_call"] = value => IsText(value, "none") || IsText(value, "auto"),
        ["response_format"] = value => value.ValueKind == JsonValueKind.Object && value.TryGetProperty("type", out var type) && IsText(type, "text"),
        ["modalities"] = value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 1 && IsText(value[0], "text"),
        ["top_logprobs"] = value => IsNumber(value, 0),
        ["reasoning_effort"] = _ => false,
        ["audio"] = _ => false,
        ["prediction"] = _ => false,
        ["web_search_options"] = _ => false,
    };

    private readonly HashSet<string> _read = [.. s_harmless];

    /// <returns>Null when absent or null.</returns>
    public JsonElement? Find(string name)
    {
        _read.Add(name);
        return body.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public string Text(string name) => OptionalText(name) ?? throw new LineException("missing_required_parameter", $"{name} is required", name);

    public string? OptionalText(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => value.GetString(),
        _ => throw Invalid(name, "must be a string"),
    };

    public int? Integer(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt32(out int number) => number,
        _ => throw Invalid(name, "must be a whole number"),
    };

    public long? LongInteger(string name) => Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetInt64(out long number) => number,
        _ => throw Invalid(name, "must be a whole number"),
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

    /// <summary>Call it when everything has been read: refuses what nobody read.</summary>
    /// <exception cref="LineException">A parameter that is not offered, or not known.</exception>
    public void RequireNothingElse()
    {
        foreach (var parameter in body.EnumerateObject())
        {
            if (_read.Contains(parameter.Name) || parameter.Value.ValueKind == JsonValueKind.Null)
                continue;
            if (!s_neutral.TryGetValue(parameter.Name, out var isNeutral))
                throw new LineException("unknown_parameter", $"'{parameter.Name}' is not a parameter of this endpoint", parameter.Name);
            if (!isNeutral(parameter.Value))
                throw new LineException("unsupported_parameter", $"'{parameter.Name}' with this value is not offered", parameter.Name);
        }
    }

    public static LineException Invalid(string name, string rule) => new("invalid_value", $"{name} {rule}", name);

    private static bool IsNumber(JsonElement value, double expected) => value.ValueKind == JsonValueKind.Number && value.GetDouble() == expected;

    private static bool IsText(JsonElement value, string expected) => value.ValueKind == JsonValueKind.String && value.GetString() == expected;
}
