using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Folders;

/// <summary>Where documents lie: a bound container, or a SAS URL, which is kept sealed.</summary>
/// <param name="Container">The name under which the tenant knows it; null for a URL.</param>
/// <param name="Prefix">Empty, or ends with a slash.</param>
/// <param name="Url">Without its signature; null for a bound container.</param>
internal sealed record BlobFolder(string? Container, string Prefix, string? Url, string? SealedUrl)
{
    /// <summary>As it is kept in the batch's record.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, WireJson.Options);

    public static BlobFolder FromJson(string json) => JsonSerializer.Deserialize<BlobFolder>(json, WireJson.Options)!;

    /// <summary>As clients see it.</summary>
    public object ToObject() => Container is null ? new { Url } : new { Container, Prefix };

    /// <summary>Whether documents of one would be seen in the other.</summary>
    public bool Overlaps(BlobFolder other) =>
        Container == other.Container
        && Place.StartsWith(other.Place, StringComparison.Ordinal) | other.Place.StartsWith(Place, StringComparison.Ordinal);

    private string Place => Url ?? Prefix;

    /// <summary>Whether a name stays where it is put: no empty, <c>.</c> or <c>..</c> segments, which would lead out of the folder or even the container.</summary>
    public static bool IsInside(string name) =>
        name.Length is > 0 and <= 900 && !name.Any(char.IsControl) && !name.Contains('\\') && name.Split('/').All(segment => segment is not ("" or "." or ".."));
}
