using LLaDA.Batch.Cli.Service;

namespace LLaDA.Batch.Cli.Answers;

/// <summary>Where filled texts go: files of a folder, or the standard output.</summary>
/// <param name="folder">Null writes to the standard output.</param>
/// <param name="hasHeadings">Names each text on the standard output.</param>
internal sealed class FilledTexts(Shell shell, string? folder, bool hasHeadings)
{
    public async Task WriteAsync(string name, string text)
    {
        if (folder is not null)
        {
            Directory.CreateDirectory(folder);
            await File.WriteAllTextAsync(Path.Combine(folder, name == "-" ? "filled.txt" : name), text);
            return;
        }
        if (hasHeadings)
            await shell.Output.WriteLineAsync($"==> {name} <==");
        await shell.Output.WriteAsync(text);
        if (hasHeadings || shell.IsTerminal)
            await shell.Output.WriteLineAsync();
    }
}
