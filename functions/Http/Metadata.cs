using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Http;

/// <summary>OpenAI's <c>metadata</c>: what a client notes on an object.</summary>
internal static class Metadata
{
    private const int MaxPairs = 16, MaxKey = 64, MaxValue = 512;

    /// <summary>A table takes strings of 32 K UTF-16 units, and an escape makes six of a control character.</summary>
    private const int MaxJson = 30_000;

    /// <returns>A JSON object of strings, without pairs whose value is null; null when it is absent.</returns>
    /// <exception cref="ApiException">400: it is something else, or over its limits.</exception>
    public static string? Read(JsonReader body)
    {
        if (body.Find("metadata") is not { } metadata)
            return null;
        if (metadata.ValueKind != JsonValueKind.Object)
            throw Refused(body);
        JsonProperty[] pairs = [.. metadata.EnumerateObject().Where(pair => pair.Value.ValueKind != JsonValueKind.Null)];
        if (pairs.Length > MaxPairs || !pairs.All(IsValid))
            throw Refused(body);
        var kept = new JsonObject(pairs.Select(pair => KeyValuePair.Create(pair.Name, (JsonNode?)pair.Value.GetString())));
        string json = kept.ToJsonString(WireJson.Options);
        return json.Length <= MaxJson ? json : throw Refused(body);
    }

    private static bool IsValid(JsonProperty pair) =>
        pair.Name.CountCharacters() <= MaxKey
        && pair.Value.ValueKind == JsonValueKind.String
        && pair.Value.GetString()!.CountCharacters() <= MaxValue;

    private static ApiException Refused(JsonReader body) => ApiException.InvalidRequest(
        $"metadata must be an object of at most {MaxPairs} strings, with keys of up to {MaxKey} and values of up to {MaxValue} characters",
        body.PathOf("metadata"));
}
