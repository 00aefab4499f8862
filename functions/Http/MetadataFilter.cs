using System.Text.Json;

namespace LLaDA.Batch.Functions.Http;

/// <summary>The query parameter <c>metadata[key]=value</c> of a listing; <c>metadata=null</c> asks for what has none.</summary>
internal sealed record MetadataFilter(IReadOnlyList<KeyValuePair<string, string>> Pairs, bool MustBeEmpty)
{
    public static MetadataFilter Read(HttpRequest request) => new(
        [.. request.Query.Where(entry => entry.Key.StartsWith("metadata[", StringComparison.Ordinal) && entry.Key.EndsWith(']')).Select(entry => KeyValuePair.Create(entry.Key["metadata[".Length..^1], entry.Value.ToString()))],
        request.Query["metadata"].FirstOrDefault() == "null");

    /// <param name="metadata">A JSON object of strings, or null.</param>
    public bool Matches(string? metadata)
    {
        if (Pairs.Count == 0 && !MustBeEmpty)
            return true;
        using var json = JsonDocument.Parse(metadata ?? "{}");
        return MustBeEmpty
            ? json.RootElement.GetPropertyCount() == 0
            : Pairs.All(pair => json.RootElement.TryGetProperty(pair.Key, out var value) && value.ValueEquals(pair.Value));
    }
}
