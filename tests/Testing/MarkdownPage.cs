using static System.IO.Path;

namespace LLaDA.Batch.Testing;

/// <summary>A fenced block of a page.</summary>
/// <param name="Line">Of its first line, from 1 on.</param>
public sealed record CodeBlock(string Language, string Text, int Line);

/// <summary>A Markdown page of the repository: its fenced blocks, and the lines around them.</summary>
/// <param name="Path">Relative to the root of the repository.</param>
public sealed record MarkdownPage(string Path, IReadOnlyList<CodeBlock> Blocks, IReadOnlyList<(int Line, string Text)> Lines)
{
    /// <summary>The README and the guides, whose blocks are run.</summary>
    public static IReadOnlyList<string> Guides { get; } =
        ["README.md", "gpu-worker/README.md", "gpu-worker/Diffusion/README.md", .. In("docs/guide", SearchOption.TopDirectoryOnly)];

    /// <summary>Lines outside of blocks and tables.</summary>
    public IEnumerable<(int Line, string Text)> Prose => Lines.Where(line => !line.Text.TrimStart().StartsWith('|'));

    /// <summary>Pages of a folder, by name.</summary>
    public static IEnumerable<string> In(string folder, SearchOption depth) =>
        Directory.GetFiles(Repository.PathOf(folder), "*.md", depth)
            .Select(file => GetRelativePath(Repository.Root, file))
            .Where(file => !file.Contains("node_modules", StringComparison.Ordinal)).Order(StringComparer.Ordinal);

    public static MarkdownPage Read(string path)
    {
        List<CodeBlock> blocks = [];
        List<(int, string)> around = [];
        string? language = null;
        List<string> inside = [];
        foreach (var (index, line) in File.ReadLines(Repository.PathOf(path)).Index())
        {
            bool isFence = line.TrimStart().StartsWith("```", StringComparison.Ordinal);
            if (isFence && language is null)
            {
                (language, inside) = (line.Trim()[3..], []);
            }
            else if (isFence)
            {
                blocks.Add(new CodeBlock(language!, string.Join('\n', inside), index + 1 - inside.Count));
                language = null;
            }
            else if (language is not null)
            {
                inside.Add(line);
            }
            else
            {
                around.Add((index + 1, line));
            }
        }
        return language is null
            ? new MarkdownPage(path, blocks, around)
            : throw new InvalidDataException($"{path} has a fence that does not end");
    }
}
