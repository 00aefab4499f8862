using LLaDA.Diffusion.Data.Examples;

namespace LLaDA.Diffusion.Data;

/// <summary>
/// Plain text to pretrain on: JSON Lines of <c>{"text": "..."}</c>, a text file that is one document, or a folder of such files in the
/// order of their names.
/// </summary>
public static class TextDocuments
{
    /// <param name="path">
    /// A <c>.jsonl</c> file, any other file, or a folder, of which all <c>.jsonl</c>, <c>.txt</c> and <c>.md</c> files are read.
    /// </param>
    /// <returns>Documents, read when they are asked for.</returns>
    /// <exception cref="TrainingDataException">Thrown on enumeration, for a line that is no such object, by its number.</exception>
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
        using var lines = new LineIndex(path);
        for (int line = 0; line < lines.Count; line++)
            yield return Text(path, lines, line);
    }

    private static string Text(string path, LineIndex lines, int line)
    {
        try
        {
            return ExampleReader.ReadText(lines.Read(line), allowsOthers: true);
        }
        catch (FormatException exception)
        {
            throw new TrainingDataException(path, [$"line {lines.Number(line)}: {exception.Message}"]);
        }
    }
}
