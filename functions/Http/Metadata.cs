using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Http;

/// <summary>OpenAI's <c>metadata</c>: what a client notes on an object.</summary>
internal static class Metadata
{
    private const int MaxPairs = 16, MaxKey = 64, MaxValue = 512;

    /// <summary>A table takes strings of 32 K characters, and escapes make control characters six of them.</summary>
    private const int MaxJson = 30_000;

    /// <returns>A JSON object of strings; null when there is none.</returns>
    /// <exception cref="ApiException">400: it is something else, or over its limits.</exception>
    public static string? Read(JsonElement body)
    {
        if (!body.TryGetProperty("metadata", out var metadata) || metadata.ValueKind == JsonValueKind.Null)
            return null;
        bool isValid = metadata.ValueKind == JsonValueKind.Object && metadata.GetPropertyCount() <= MaxPairs
            && metadata.EnumerateObject().All(pair => pair.Name.Length <= MaxKey && pair.Value.ValueKind == JsonValueKind.String && pair.Value.GetString()!.Length <= MaxValue);
        return isValid && JsonSerializer.Serialize(metadata, WireJson.Options) is { Length: <= MaxJson } json
            ? json
            : throw ApiException.InvalidRequest($"metadata must be an object of at most {MaxPairs} strings, with keys of up to {MaxKey} and values of up to {MaxValue} characters", "metadata");
    }
}
