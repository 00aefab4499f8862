using System.Text.Json;

namespace LLaDA.Diffusion.Data;

/// <summary>Plain text to pretrain on: JSON Lines of <c>{"text": "..."}</c>, a text file that is one document, or a folder of such files in the order of their names.</summary>
public static class TextDocuments
{
    /// <param name="path">A <c>.jsonl</c> file, any other file, or a folder, of which all <c>.jsonl</c>, <c>.txt</c> and <c>.md</c> files are read.</param>
    /// <returns>Documents, read when they are asked for.</returns>
    /// <exception cref="TrainingDataException">Thrown on the way: a line that is no such object, by its number.</exception>
    public static IEnumerable<string> Read(string path)
    {
        if (!Directory.Exists(path))
            return IsLines(path) ? ReadLines(path) : ReadWhole(path);
        return Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories)
            .Where(file => IsLines(file) || Path.GetExtension(file).ToUpperInvariant() is ".TXT" or ".MD")
            .Order(StringComparer.Ordinal)
            .SelectMany(Read);
    }

    private static bool IsLines(string path) => Path.GetExtension(path).Equals(".jsonl", StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<string> ReadWhole(string path)
    {
        yield return File.ReadAllText(path);
    }

    private static IEnumerable<string> ReadLines(string path)
    {
        foreach (var (index, line) in File.ReadLines(path).Index())
        {
            if (!string.IsNullOrWhiteSpace(line))
                yield return Text(line) ?? throw new TrainingDataException(path, [$"line {index + 1}: expected {{\"text\": \"...\"}}"]);
        }
    }

    private static string? Text(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String ? text.GetString() : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
