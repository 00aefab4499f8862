using System.Text.Json;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The list of a folder's files with their SHA-256 hashes. It is written last, and a folder without one is not whole.</summary>
public static class Manifest
{
    public const string FileName = "manifest.json";

    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private sealed record Contents(SortedDictionary<string, Entry> Files);

    private sealed record Entry(long Bytes, string Sha256);

    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, FileName));

    /// <summary>Makes the folder whole, at once or not at all.</summary>
    public static void Write(string folder)
    {
        SortedDictionary<string, Entry> files = new(StringComparer.Ordinal);
        foreach (string path in Directory.GetFiles(folder).Where(path => Path.GetFileName(path) != FileName))
            files.Add(Path.GetFileName(path), new Entry(new FileInfo(path).Length, FileHash.Sha256(path)));
        DurableFile.Write(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(new Contents(files), s_json));
    }

    /// <exception cref="CheckpointException">Names the first file that is missing or is not what was written.</exception>
    public static void Verify(string folder)
    {
        string path = Path.Combine(folder, FileName);
        SortedDictionary<string, Entry>? files = null;
        try
        {
            files = JsonSerializer.Deserialize<Contents>(File.ReadAllBytes(path), s_json)?.Files;
        }
        catch (JsonException)
        {
            // Told below.
        }
        if (files is null || files.ContainsValue(null!) || files.Keys.Any(name => Path.GetFileName(name) != name))
            throw new CheckpointException(path, "is not a list of files");
        // Files are hashed in parallel. The error names the first faulty file in the order of the manifest.
        var faults = files.Select(entry => Task.Run(() => Fault(Path.Combine(folder, entry.Key), entry.Value))).ToList();
        foreach (var (name, checking) in files.Keys.Zip(faults))
        {
            if (checking.GetAwaiter().GetResult() is { } fault)
                throw new CheckpointException(Path.Combine(folder, name), fault);
        }
    }

    private static string? Fault(string path, Entry expected) => !File.Exists(path) ? "is missing"
        : new FileInfo(path).Length == expected.Bytes && FileHash.Sha256(path) == expected.Sha256 ? null
        : "is damaged: its SHA-256 is not the one in the manifest. Remove its folder to resume from the checkpoint before";
}

/// <summary>A small file that appears under its name only when it is whole and on the disk.</summary>
internal static class DurableFile
{
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = path + ".partial";
        using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(bytes);
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
    }
}
