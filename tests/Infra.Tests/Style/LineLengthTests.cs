using System.Globalization;

namespace LLaDA.Batch.Infra.Tests.Style;

/// <summary>Lines of C# have at most 140 characters. Files that still have longer ones are on a list that may only shrink.</summary>
public sealed class LineLengthTests
{
    private const int MaxLength = 140;
    private static readonly string s_exceptions = Repository.PathOf("tests", "Infra.Tests", "Style", "long-lines.txt");

    [Fact]
    public void No_file_has_more_long_lines_than_its_exception_allows()
    {
        var allowed = File.ReadLines(s_exceptions).Select(line => line.Split(' '))
            .ToDictionary(entry => entry[0], entry => int.Parse(entry[1], CultureInfo.InvariantCulture), StringComparer.Ordinal);

        var found = SourceFiles().ToDictionary(file => file, NumLongLines, StringComparer.Ordinal);

        Assert.True(found.Count > 300, $"only {found.Count} source files were found");
        Assert.All(found, file => Assert.True(
            file.Value <= allowed.GetValueOrDefault(file.Key),
            $"{file.Key} has {file.Value} lines over {MaxLength} characters, allowed are {allowed.GetValueOrDefault(file.Key)}"));
        Assert.All(allowed, exception => Assert.True(
            found.GetValueOrDefault(exception.Key) == exception.Value,
            $"{exception.Key} has {found.GetValueOrDefault(exception.Key)} long lines now: lower its number in {s_exceptions}, or remove "
            + $"it"));
    }

    [Fact]
    public void No_product_code_is_on_the_list() =>
        Assert.DoesNotContain(File.ReadLines(s_exceptions), line => !line.StartsWith("tests/", StringComparison.Ordinal));

    private static int NumLongLines(string file) => File.ReadLines(Repository.PathOf(file)).Count(line => line.Length > MaxLength);

    private static IEnumerable<string> SourceFiles() =>
        from folder in new[] { "functions", "gpu-worker", "shared", "infra", "tests", "client", "samples" }
        where Directory.Exists(Repository.PathOf(folder))
        from path in Directory.EnumerateFiles(Repository.PathOf(folder), "*.cs", SearchOption.AllDirectories)
        let file = Path.GetRelativePath(Repository.Root, path).Replace('\\', '/')
        where !file.Split('/').Any(part => part is "bin" or "obj" or "node_modules" or "artifacts")
        select file;
}
