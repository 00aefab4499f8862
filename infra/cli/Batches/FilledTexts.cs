using LLaDA.Batch.Cli.Service;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Cli.Batches;

/// <summary>Where filled texts go: files of a folder, or the standard output.</summary>
/// <param name="folder">Null writes to the standard output.</param>
/// <param name="hasHeadings">Names each text on the standard output.</param>
internal sealed class FilledTexts(Shell shell, string? folder, bool hasHeadings)
{
    /// <exception cref="OperatorException">The name leads out of the folder.</exception>
    public async Task WriteAsync(string name, string text)
    {
        if (folder is not null)
        {
            await WriteFileAsync(Path.GetFullPath(folder), name == "-" ? "filled.txt" : name, text);
            return;
        }
        if (hasHeadings)
            await shell.Output.WriteLineAsync($"==> {name} <==");
        await shell.Output.WriteAsync(text);
        if (hasHeadings || shell.IsTerminal)
            await shell.Output.WriteLineAsync();
    }

    private static async Task WriteFileAsync(string folder, string name, string text)
    {
        string path = Path.GetFullPath(Path.Combine(folder, name));
        if (!path.StartsWith(folder + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new OperatorException($"The service named a text {name}, which would lie outside of {folder}");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, text);
    }
}
