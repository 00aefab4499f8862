using System.Text.RegularExpressions;
using LLaDA.Batch.Tests;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>How the pages of the repository are written: one sentence a line, few semicolons, plain words, links that lead somewhere.</summary>
public sealed partial class ProseTests
{
    private const int MaxLine = 200, MaxReadme = 140;
    private const double MaxSemicolonsPer100Words = 0.3;

    /// <summary>Pages with longer lines. The list only shrinks: a page that is clean leaves it.</summary>
    private static readonly string[] s_longLines = ["docs/architecture.md", "docs/benchmarks.md", "docs/decisions.md", "docs/reversal.md"];

    private static readonly string[] s_folders = [".", "docs", "functions", "gpu-worker", "infra", "shared", "tests"];

    public static TheoryData<string> Pages => [.. AllPages()];

    public static TheoryData<string> UserPages => [.. MarkdownPage.Guides, .. MarkdownPage.In("docs/reference"), "docs/operations.md"];

    [Theory]
    [MemberData(nameof(Pages))]
    public void No_line_of_prose_is_longer_than_a_sentence(string path)
    {
        var tooLong = Prose(path).Where(line => line.Text.Length > MaxLine).Select(line => $"{path}, line {line.Line}: {line.Text.Length} characters").ToList();

        if (s_longLines.Contains(path))
            Assert.NotEmpty(tooLong);
        else
            Assert.Empty(tooLong);
    }

    [Theory]
    [MemberData(nameof(UserPages))]
    public void Pages_for_users_have_few_semicolons(string path)
    {
        string text = string.Join(' ', Prose(path).Select(line => CodeSpan().Replace(line.Text, "code")));
        int words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;

        Assert.InRange(100.0 * text.Count(character => character == ';') / words, 0, MaxSemicolonsPer100Words);
    }

    [Theory]
    [MemberData(nameof(UserPages))]
    public void Pages_for_users_keep_to_plain_words(string path) =>
        Assert.Empty(Prose(path).SelectMany(line => Idiolect().Matches(line.Text).Select(match => $"{path}, line {line.Line}: {match.Value}")));

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_leads_to_a_file(string path)
    {
        string folder = Path.GetDirectoryName(Path.Combine(MarkdownPage.Root, path))!;
        var targets = MarkdownPage.Read(path).Prose.SelectMany(line => Link().Matches(CodeSpan().Replace(line.Text, "")).Select(match => match.Groups["target"].Value));

        Assert.All(targets.Where(target => !target.Contains("://", StringComparison.Ordinal)), target =>
        {
            string[] parts = target.Split('#');
            string file = parts[0].Length == 0 ? Path.Combine(MarkdownPage.Root, path) : Path.GetFullPath(Path.Combine(folder, parts[0]));
            Assert.True(Path.Exists(file), $"{path}: {target} does not exist");
            if (parts.Length > 1)
                Assert.Contains(parts[1], File.ReadLines(file).Where(line => line.StartsWith('#')).Select(Anchor));
        });
    }

    [Fact]
    public void The_readme_is_short_and_has_the_headings_of_a_template()
    {
        string[] lines = File.ReadAllLines(Path.Combine(MarkdownPage.Root, "README.md"));

        Assert.InRange(lines.Length, 1, MaxReadme);
        Assert.All(["## Features", "## Getting Started", "### Prerequisites", "### Quickstart", "## Guidance", "## Resources"], heading => Assert.Contains(heading, lines));
    }

    private static IEnumerable<string> AllPages() => s_folders
        .SelectMany(folder => Directory.GetFiles(Path.Combine(MarkdownPage.Root, folder), "*.md", folder == "." ? SearchOption.TopDirectoryOnly : SearchOption.AllDirectories))
        .Select(file => Path.GetRelativePath(MarkdownPage.Root, file)).Order(StringComparer.Ordinal);

    /// <summary>Lines outside of blocks and tables.</summary>
    private static IEnumerable<(int Line, string Text)> Prose(string path) => MarkdownPage.Read(path).Prose.Where(line => !line.Text.TrimStart().StartsWith('|'));

    /// <summary>As GitHub makes it of a heading.</summary>
    private static string Anchor(string heading) => NotInAnchors().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex("`[^`]*`", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Link();

    [GeneratedRegex("[^a-z0-9 _-]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NotInAnchors();

    [GeneratedRegex(@"\b(told|nobody|whoever|somebody|everybody|goes on|anew|again and again|stands still|cut short)\b", RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Idiolect();
}
