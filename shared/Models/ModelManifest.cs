using System.Text.Json;
using System.Text.Json.Serialization;

namespace LLaDA.Batch.Shared.Models;

/// <summary>A file of a model.</summary>
/// <param name="Sha256">64 lower-case hexadecimal digits.</param>
public sealed record ModelFile(long Bytes, string Sha256);

/// <summary>The files of a model's folder. It is written last: a folder without one is not whole.</summary>
/// <param name="Files">By name; names have no directories.</param>
public sealed record ModelManifest(SortedDictionary<string, ModelFile> Files)
{
    public const string FileName = "manifest.json";

    private const int HashDigits = 64;

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    /// <summary>Of all files together.</summary>
    [JsonIgnore]
    public long Bytes => Files.Values.Sum(file => file.Bytes);

    public BinaryData ToJson() => new(JsonSerializer.SerializeToUtf8Bytes(this, s_json));

    /// <param name="subject">The name of the manifest in error messages.</param>
    /// <exception cref="InvalidDataException">It is not a list of files.</exception>
    public static ModelManifest Parse(BinaryData json, string subject)
    {
        ModelManifest? manifest = null;
        try
        {
            manifest = JsonSerializer.Deserialize<ModelManifest>(json, s_json);
        }
        catch (JsonException)
        {
            // Reported below.
        }
        bool isList = manifest is { Files.Count: > 0 } && manifest.Files.All(entry => IsFileName(entry.Key) && IsWhole(entry.Value));
        return isList ? manifest! : throw new InvalidDataException($"{subject} is not a list of files");
    }

    /// <summary>Whether a name can be that of a file in a model's folder, and of none outside it.</summary>
    public static bool IsFileName(string name) =>
        name.Length > 0 && name[0] != '.' && name != FileName && name.IndexOfAny(['/', '\\', '\0']) < 0;

    private static bool IsWhole(ModelFile? file) =>
        file is { Bytes: >= 0, Sha256.Length: HashDigits } && file.Sha256.All(char.IsAsciiHexDigitLower);
}
