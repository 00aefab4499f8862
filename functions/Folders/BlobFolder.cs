using System.Text;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Folders;

/// <summary>A folder of blobs: a prefix in a bound container, or a SAS URL, which is kept sealed.</summary>
internal sealed record BlobFolder
{
    private const int MaxName = 900;

    /// <summary>The name under which the tenant knows the container; null for a URL.</summary>
    public required string? Container { get; init; }

    /// <summary>Empty, or ends with a slash.</summary>
    public required string Prefix { get; init; }

    /// <summary>Without its signature; null for a bound container.</summary>
    public required string? Url { get; init; }

    /// <summary>With its signature, encrypted; null for a bound container.</summary>
    public required string? SealedUrl { get; init; }

    private string Place => Url ?? Prefix;

    public static BlobFolder InContainer(string container, string prefix) =>
        new() { Container = container, Prefix = prefix, Url = null, SealedUrl = null };

    public static BlobFolder AtUrl(string url, string prefix, string sealedUrl) =>
        new() { Container = null, Prefix = prefix, Url = url, SealedUrl = sealedUrl };

    /// <summary>The form in the row of a batch.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, WireJson.Options);

    public static BlobFolder FromJson(string json) => JsonSerializer.Deserialize<BlobFolder>(json, WireJson.Options)!;

    /// <summary>The form that clients see.</summary>
    public object ToObject() => Container is null ? new { Url } : new { Container, Prefix };

    /// <summary>Whether documents of one would be seen in the other.</summary>
    public bool Overlaps(BlobFolder other) =>
        Container == other.Container
        && (Place.StartsWith(other.Place, StringComparison.Ordinal) || other.Place.StartsWith(Place, StringComparison.Ordinal));

    /// <summary>
    /// Checks that a name stays where it is put. Empty segments, <c>.</c> and <c>..</c> would lead out of the folder or even out of the
    /// container.
    /// </summary>
    /// <returns>The rest of a sentence about the name; null when it is good.</returns>
    public static string? FaultOf(string name)
    {
        if (name.Length is 0 or > MaxName)
            return $"must have 1 to {MaxName} characters";
        foreach (var character in name.EnumerateRunes())
        {
            if (Rune.IsControl(character))
                return $"has the character {Characters.NameOf(character)}";
        }
        if (name.Contains('\\'))
            return "has a backslash; folders are separated by '/'";
        return name.Split('/').Any(segment => segment is "" or "." or "..") ? "has an empty segment, or the segment '.' or '..'" : null;
    }
}
