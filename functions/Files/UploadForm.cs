using System.Text;
using System.Text.Json;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Wire;
using Microsoft.Net.Http.Headers;

namespace LLaDA.Batch.Functions.Files;

/// <summary>
/// The parts of an upload's form beside the bytes of the file. Each part comes at most once, and a part without a meaning is refused.
/// </summary>
internal sealed class UploadForm
{
    public const string FilePart = "file";

    /// <summary>Fields are short; the rest of a longer one is not read.</summary>
    public const int MaxFieldBytes = 1_000;

    private const string PurposePart = "purpose", ExpiryPart = "expires_after";
    private const string AnchorPart = "expires_after[anchor]", SecondsPart = "expires_after[seconds]";

    private static readonly string[] s_known = [FilePart, PurposePart, ExpiryPart, AnchorPart, SecondsPart];

    private readonly HashSet<string> _seen = [];
    private readonly Dictionary<string, byte[]> _fields = [];

    /// <summary>Set with the file's part.</summary>
    public string? Filename { get; set; }

    /// <exception cref="ApiException">400: the part has no name.</exception>
    public static string NameOf(ContentDispositionHeaderValue? disposition) =>
        disposition is not null && HeaderUtilities.RemoveQuotes(disposition.Name) is { Length: > 0 } name
            ? name.ToString()
            : throw ApiException.InvalidRequest("The form has a part without a name", FilePart);

    /// <summary>Call it before the content of a part is read.</summary>
    /// <exception cref="ApiException">400: the part is unknown, or comes a second time.</exception>
    public void Announce(string name)
    {
        if (!s_known.Contains(name))
            throw ApiException.InvalidRequest($"Unknown parameter: {Excerpt.Of(name)}", Excerpt.Of(name), "unknown_parameter");
        if (!_seen.Add(name))
            throw ApiException.InvalidRequest($"The form has more than one part named '{name}'", name, "duplicate_parameter");
    }

    public void Set(string name, byte[] content) => _fields[name] = content;

    /// <exception cref="ApiException">400: it is missing, or no purpose that files can be uploaded for.</exception>
    public string Purpose()
    {
        if (Text(PurposePart) is not { } purpose)
            throw ApiException.InvalidRequest("The form has no part named 'purpose'", PurposePart, "missing_required_parameter");
        if (FilePurpose.Uploadable.Contains(purpose))
            return purpose;
        string known = string.Join(", ", FilePurpose.Uploadable);
        throw ApiException.InvalidRequest($"purpose must be one of {known}, not '{Excerpt.Of(purpose)}'", PurposePart);
    }

    /// <summary>As two fields, or as one field with a JSON object.</summary>
    /// <returns>Null when the client names none.</returns>
    /// <exception cref="ApiException">400: it is out of range, or given twice.</exception>
    public TimeSpan? ExpiresAfter()
    {
        var fromFields = Http.ExpiresAfter.Read(Text(AnchorPart), Text(SecondsPart));
        if (!_fields.TryGetValue(ExpiryPart, out byte[]? json))
            return fromFields;
        if (fromFields is not null)
            throw ApiException.InvalidRequest("Give expires_after as one field or as two, not both", ExpiryPart, "duplicate_parameter");
        var value = JsonBody.Parse(json, ExpiryPart, ExpiryPart);
        return value.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.Object => Http.ExpiresAfter.Read(JsonBody.Read(value, ExpiryPart)),
            _ => throw ApiException.InvalidRequest($"{ExpiryPart} must be a JSON object", ExpiryPart),
        };
    }

    private string? Text(string name) => _fields.TryGetValue(name, out byte[]? content) ? Encoding.UTF8.GetString(content).Trim() : null;
}
