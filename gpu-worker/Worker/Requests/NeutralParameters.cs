using System.Text.Json;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>
/// Parameters of OpenAI's API that this service does not offer, with the values that ask for nothing. Any other value of theirs would
/// change the result, and is refused.
/// </summary>
internal static class NeutralParameters
{
    /// <summary>Of a request's body.</summary>
    public static IReadOnlyDictionary<string, Func<JsonElement, bool>> OfBody { get; } = new Dictionary<string, Func<JsonElement, bool>>
    {
        ["model"] = Any,
        ["user"] = Any,
        ["metadata"] = Any,
        ["store"] = Any,
        ["service_tier"] = Any,
        ["safety_identifier"] = Any,
        ["prompt_cache_key"] = Any,
        ["parallel_tool_calls"] = Any,
        ["stream_options"] = Any,
        ["verbosity"] = Any,
        ["n"] = value => IsNumber(value, 1),
        ["best_of"] = value => IsNumber(value, 1),
        ["presence_penalty"] = value => IsNumber(value, 0),
        ["frequency_penalty"] = value => IsNumber(value, 0),
        ["logprobs"] = IsFalse,
        ["top_logprobs"] = value => IsNumber(value, 0),
        ["echo"] = IsFalse,
        ["stream"] = IsFalse,
        ["logit_bias"] = value => value.ValueKind == JsonValueKind.Object && value.GetPropertyCount() == 0,
        ["tools"] = IsEmptyList,
        ["tool_choice"] = value => IsText(value, "none") || IsText(value, "auto"),
        ["functions"] = IsEmptyList,
        ["function_call"] = value => IsText(value, "none") || IsText(value, "auto"),
        ["response_format"] = IsTextFormat,
        ["modalities"] = value => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 1 && IsText(value[0], "text"),
        ["reasoning_effort"] = None,
        ["audio"] = None,
        ["prediction"] = None,
        ["web_search_options"] = None,
    };

    /// <summary>Of a chat message. A name is accepted and ignored, as in training data.</summary>
    public static IReadOnlyDictionary<string, Func<JsonElement, bool>> OfMessage { get; } = new Dictionary<string, Func<JsonElement, bool>>
    {
        ["name"] = value => value.ValueKind == JsonValueKind.String,
        ["annotations"] = IsEmptyList,
        ["tool_calls"] = IsEmptyList,
        ["tool_call_id"] = None,
        ["function_call"] = None,
        ["refusal"] = None,
        ["audio"] = None,
    };

    /// <summary>Of a part of a message's content.</summary>
    public static IReadOnlyDictionary<string, Func<JsonElement, bool>> OfPart { get; } = new Dictionary<string, Func<JsonElement, bool>>
    {
        ["annotations"] = IsEmptyList,
    };

    private static bool Any(JsonElement value) => true;

    private static bool None(JsonElement value) => false;

    private static bool IsFalse(JsonElement value) => value.ValueKind == JsonValueKind.False;

    private static bool IsEmptyList(JsonElement value) => value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0;

    private static bool IsNumber(JsonElement value, double expected) =>
        value.ValueKind == JsonValueKind.Number && value.GetDouble() == expected;

    private static bool IsText(JsonElement value, string expected) =>
        value.ValueKind == JsonValueKind.String && value.GetString() == expected;

    private static bool IsTextFormat(JsonElement value) =>
        value.ValueKind == JsonValueKind.Object
        && value.EnumerateObject().Count(property => property.Value.ValueKind != JsonValueKind.Null) == 1
        && value.TryGetProperty("type", out var type) && IsText(type, "text");
}
