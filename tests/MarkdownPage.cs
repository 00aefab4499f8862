using System.Reflection;

namespace LLaDA.Batch.Tests;

/// <summary>A fenced block of a page.</summary>
/// <param name="Line">Of its first line, from 1 on.</param>
internal sealed record CodeBlock(string Language, string Text, int Line);

/// <summary>A Markdown page of the repository: its fenced blocks, and the prose around them.</summary>
/// <param name="Path">Relative to the root of the repository.</param>
internal sealed record MarkdownPage(string Path, IReadOnlyList<CodeBlock> Blocks, IReadOnlyList<(int Line, string Text)> Prose)
{
    public static string Root { get; } =
        typeof(MarkdownPage).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == "RepositoryRoot").Value!;

    /// <summary>Pages for users: the README and the guides.</summary>
    public static IEnumerable<string> Guides => ["README.md", "gpu-worker/README.md", .. In("docs/guide")];

    /// <summary>Pages of a folder, by name.</summary>
    public static IEnumerable<string> In(string folder) =>
        Directory.GetFiles(System.IO.Path.Combine(Root, folder), "*.md").Order(StringComparer.Ordinal).Select(file => System.IO.Path.GetRelativePath(Root, file));

    public static MarkdownPage Read(string path)
    {
        List<CodeBlock> blocks = [];
        List<(int, string)> prose = [];
        string? language = null;
        List<string> lines = [];
        foreach (var (index, line) in File.ReadLines(System.IO.Path.Combine(Root, path)).Index())
        {
            bool isFence = line.TrimStart().StartsWith("```", StringComparison.Ordinal);
            if (isFence && language is null)
                (language, lines) = (line.Trim()[3..], []);
            else if (isFence)
                (blocks, language) = ([.. blocks, new CodeBlock(language!, string.Join('\n', lines), index + 1 - lines.Count)], null);
            else if (language is not null)
                lines.Add(line);
            else
                prose.Add((index + 1, line));
        }
        return language is null ? new MarkdownPage(path, blocks, prose) : throw new InvalidDataException($"{path} has a fence that does not end");
    }
}
