using Azure.Storage.Blobs;
using LLaDA.Batch.Tests;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>The shell blocks of the README and the guides do what their pages say, as they stand there.</summary>
/// <remarks>
/// <c>sh</c> blocks run in one bash a page, with the fixture's stack at <c>$ADDRESS</c> and <c>data</c>. An <c>output</c> block behind one is what it prints, where <c>...</c> stands
/// for anything. <c>azcli</c> blocks on storage are done by Azure's library. <c>console</c> blocks, and other <c>azcli</c> blocks, are not run: their number is kept here.
/// </remarks>
public sealed class ShellPagesTests(StackFixture fixture) : IDisposable
{
    private const string Setup = "docs/guide/README.md";

    /// <summary>Blocks that cannot run in a test, by page: they start the stack, run all tests, or need a subscription, Docker or a graphics card. The numbers only fall.</summary>
    private static readonly Dictionary<string, int> s_notRun = new(StringComparer.Ordinal)
    {
        ["README.md"] = 3,
        ["docs/guide/README.md"] = 1,
        ["docs/guide/deploy.md"] = 5,
        ["docs/guide/library.md"] = 1,
    };

    private static readonly string[] s_run = ["sh", "output", "csharp", "azcli", "console"], s_read = ["json", "text", "mermaid"];

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-page-").FullName, _programs = Directory.CreateTempSubdirectory("llada-programs-").FullName;

    public static TheoryData<string> Pages => [.. MarkdownPage.Guides.Where(page => MarkdownPage.Read(page).Blocks.Any(block => block.Language == "sh"))];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Every_block_runs_as_written(string path)
    {
        var blocks = MarkdownPage.Read(path).Blocks;
        MakePlace();
        var storage = new AzStorage(new BlobServiceClient(fixture.Stack.ConnectionString), _folder);
        using var bash = new BashSession(_folder, _programs, fixture.Stack.Address);
        string? printed = null;
        foreach (var block in blocks)
        {
            if (block.Language == "sh")
                printed = await bash.RunAsync(block);
            else if (block.Language == "output" && printed is not null)
                Assert.True(PrintedText.Of(block.Text).IsMatch(printed), $"{path}, line {block.Line}: expected\n{block.Text}\nbut it printed\n{printed}");
            else if (AzStorage.Knows(block))
                await storage.RunAsync(block);
            else
                printed = null;     // what follows is the output of another kind of block
        }
    }

    [Fact]
    public void Only_the_listed_blocks_are_not_run()
    {
        var notRun = MarkdownPage.Guides.Select(MarkdownPage.Read)
            .Select(page => (page.Path, Count: page.Blocks.Count(block => block.Language == "console" || (block.Language == "azcli" && !AzStorage.Knows(block)))))
            .Where(page => page.Count > 0).ToDictionary(page => page.Path, page => page.Count, StringComparer.Ordinal);

        Assert.Equal(s_notRun.OrderBy(page => page.Key, StringComparer.Ordinal), notRun.OrderBy(page => page.Key, StringComparer.Ordinal));
    }

    [Fact]
    public void Every_block_has_a_known_language() =>
        Assert.All(MarkdownPage.Guides.Select(MarkdownPage.Read), page => Assert.All(page.Blocks, block => Assert.Contains(block.Language, s_run.Concat(s_read))));

    [Fact]
    public void Every_page_that_calls_the_API_begins_with_the_same_lines()
    {
        string setup = MarkdownPage.Read(Setup).Blocks.First(block => block.Language == "sh").Text;

        Assert.All(MarkdownPage.Guides.Select(MarkdownPage.Read), page =>
        {
            if (page.Blocks.FirstOrDefault(block => block.Language == "sh" && block.Text.Contains("api /", StringComparison.Ordinal)) is not null)
                Assert.Equal(setup, page.Blocks.First(block => block.Language == "sh").Text);
        });
    }

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_programs, recursive: true);
    }

    /// <summary>A folder that looks like the root of the repository with a stack's data in it. In place of building the command line once more, <c>dotnet run</c> takes what is built.</summary>
    private void MakePlace()
    {
        Directory.CreateSymbolicLink(Path.Combine(_folder, "data"), fixture.DataFolder);
        foreach (string room in new[] { "infra", "gpu-worker" })
            Directory.CreateSymbolicLink(Path.Combine(_folder, room), Path.Combine(MarkdownPage.Root, room));
        string dotnet = Path.Combine(_programs, "dotnet");
        File.WriteAllText(dotnet, $"""
            #!/bin/sh
            case "$1 $2 $3 $4" in "run --project infra/cli --") shift 4; exec '{BuiltProgram.DotNet}' exec '{BuiltProgram.CommandLine}' "$@";; esac
            echo "This test runs the command line alone, not: dotnet $*" >&2
            exit 1
            """);
        File.SetUnixFileMode(dotnet, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
