using System.Text.RegularExpressions;

namespace LLaDA.Batch.Infra.Tests.Pages;

/// <summary>How the pages are written: one sentence a line, few semicolons, plain words, links that lead somewhere.</summary>
public sealed partial class ProseTests
{
    private const int MaxLine = 200, MaxReadme = 140;
    private const double MaxSemicolonsPer100Words = 0.3;

    private static readonly string[] s_rooms = ["docs", "functions", "gpu-worker", "infra", "shared", "tests"];

    private static readonly string[] s_templateHeadings =
        ["## Features", "## Getting Started", "### Prerequisites", "### Quickstart", "## Guidance", "## Resources"];

    public static TheoryData<string> Pages =>
    [
        .. MarkdownPage.In(".", SearchOption.TopDirectoryOnly),
        .. s_rooms.SelectMany(room => MarkdownPage.In(room, SearchOption.AllDirectories)),
    ];

    public static TheoryData<string> UserPages =>
        [.. MarkdownPage.Guides, .. MarkdownPage.In("docs/reference", SearchOption.TopDirectoryOnly), "docs/operations.md"];

    [Theory]
    [MemberData(nameof(Pages))]
    public void No_line_of_prose_is_longer_than_a_sentence(string path) =>
        Assert.DoesNotContain(MarkdownPage.Read(path).Prose, line => line.Text.Length > MaxLine);

    [Theory]
    [MemberData(nameof(UserPages))]
    public void Pages_for_users_have_few_semicolons(string path)
    {
        string text = string.Join(' ', MarkdownPage.Read(path).Prose.Select(line => CodeSpan().Replace(line.Text, "code")));
        int words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Length;

        Assert.InRange(100.0 * text.Count(character => character == ';') / words, 0, MaxSemicolonsPer100Words);
    }

    [Theory]
    [MemberData(nameof(UserPages))]
    public void Pages_for_users_keep_to_plain_words(string path) =>
        Assert.DoesNotContain(MarkdownPage.Read(path).Prose, line => Idiolect().IsMatch(line.Text));

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_link_leads_to_a_file_and_its_heading(string path)
    {
        var targets = MarkdownPage.Read(path).Lines
            .SelectMany(line => Link().Matches(CodeSpan().Replace(line.Text, "")).Select(match => match.Groups["target"].Value))
            .Where(target => !target.Contains(':', StringComparison.Ordinal));

        Assert.All(targets, target =>
        {
            string page = Repository.PathOf(path);
            string[] parts = target.Split('#');
            string file = parts[0].Length == 0 ? page : Path.Combine(Path.GetDirectoryName(page)!, parts[0]);
            Assert.True(Path.Exists(file), $"{target} does not exist");
            if (parts.Length > 1)
                Assert.Contains(parts[1], File.ReadLines(file).Where(line => line.StartsWith('#')).Select(Anchor));
        });
    }

    [Fact]
    public void The_readme_is_short_and_has_the_headings_of_a_template()
    {
        string[] lines = File.ReadAllLines(Repository.PathOf("README.md"));

        Assert.InRange(lines.Length, 1, MaxReadme);
        Assert.All(s_templateHeadings, heading => Assert.Contains(heading, lines));
    }

    /// <summary>As GitHub makes it of a heading.</summary>
    private static string Anchor(string heading) =>
        NotInAnchors().Replace(heading.TrimStart('#').Trim().ToLowerInvariant(), "").Replace(' ', '-');

    [GeneratedRegex("`[^`]*`", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Link();

    [GeneratedRegex("[^a-z0-9 _-]", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NotInAnchors();

    [GeneratedRegex(
        @"\b(told|nobody|whoever|somebody|everybody|goes on|anew|again and again|stands still|cut short)\b",
        RegexOptions.IgnoreCase | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Idiolect();
}
