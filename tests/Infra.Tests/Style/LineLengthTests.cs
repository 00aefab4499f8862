namespace LLaDA.Batch.Infra.Tests.Style;

/// <summary>Lines of C# and TypeScript have at most 140 characters.</summary>
public sealed class LineLengthTests
{
    private const int MaxLength = 140;

    [Fact]
    public void No_line_is_too_long()
    {
        string[] files = [.. SourceFiles()];

        Assert.True(files.Length > 300, $"only {files.Length} source files were found");
        Assert.Empty(files.SelectMany(file => File.ReadLines(Repository.PathOf(file)).Index()
            .Where(line => line.Item.Length > MaxLength)
            .Select(line => $"{file}({line.Index + 1}): {line.Item.Length} characters")));
    }

    private static IEnumerable<string> SourceFiles() =>
        from folder in new[] { "functions", "gpu-worker", "shared", "infra", "tests", "client", "docs", "eng" }
        where Directory.Exists(Repository.PathOf(folder))
        from pattern in new[] { "*.cs", "*.ts", "*.tsx" }
        from path in Directory.EnumerateFiles(Repository.PathOf(folder), pattern, SearchOption.AllDirectories)
        let file = Path.GetRelativePath(Repository.Root, path).Replace('\\', '/')
        where !file.Split('/').Any(part => part is "bin" or "obj" or "node_modules" or "artifacts")
        select file;
}
