using System.Text.Json;

namespace LLaDA.Batch.Cli.Service;

/// <summary>A service and the key of a tenant there.</summary>
internal sealed record Profile(string Address, string Key);

/// <summary>What <c>llada login</c> keeps: a file of the user that others cannot read.</summary>
internal static class Profiles
{
    public const string Default = "default";

    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true };

    /// <summary><c>LLADA_CONFIG</c>, or <c>llada/credentials.json</c> in the user's folder of settings.</summary>
    public static string Path => Environment.GetEnvironmentVariable("LLADA_CONFIG") is { Length: > 0 } path
        ? path
        : System.IO.Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "llada", "credentials.json");

    /// <returns>Null where nothing was kept under this name.</returns>
    public static Profile? Find(string name) => Read().GetValueOrDefault(name);

    public static void Keep(string name, Profile profile)
    {
        var all = Read();
        all[name] = profile;
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        File.Delete(Path);      // so that the mode is that of a new file
        using var file = new FileStream(Path, options);
        JsonSerializer.Serialize(file, all, s_json);
    }

    private static Dictionary<string, Profile> Read()
    {
        if (!File.Exists(Path))
            return [];
        try
        {
            return JsonSerializer.Deserialize<Dictionary<string, Profile>>(File.ReadAllText(Path), s_json) ?? [];
        }
        catch (JsonException failure)
        {
            throw new InvalidDataException($"{Path} is no file of 'llada login': delete it, and log in again", failure);
        }
    }
}
