using System.Text.Json;

namespace LLaDA.Batch.Functions.Http;

/// <summary>The query parameter <c>metadata[key]=value</c> of a list; <c>metadata=null</c> asks for objects without any.</summary>
internal sealed record MetadataFilter(IReadOnlyList<KeyValuePair<string, string>> Pairs, bool MustBeEmpty)
{
    private const string Prefix = "metadata[";

    public static MetadataFilter Read(HttpRequest request)
    {
        var pairs = request.Query
            .Where(entry => entry.Key.StartsWith(Prefix, StringComparison.Ordinal) && entry.Key.EndsWith(']'))
            .Select(entry => KeyValuePair.Create(entry.Key[Prefix.Length..^1], entry.Value.ToString()));
        return new MetadataFilter([.. pairs], MustBeEmpty: request.Query["metadata"].FirstOrDefault() == "null");
    }

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
