using Azure.Storage.Blobs;

namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>The shell blocks of the README and the guides do what their pages say, as they stand there.</summary>
/// <remarks>
/// <c>sh</c> blocks run in one bash a page, with the fixture's stack at <c>$ADDRESS</c> and <c>data</c>. An <c>output</c> block
/// is what the block before it prints. <c>azcli</c> blocks on storage are done by Azure's library. <c>console</c> blocks, and
/// other <c>azcli</c> blocks, are not run.
/// </remarks>
public sealed class ShellPagesTests(StackFixture fixture) : IDisposable
{
    private const string Setup = "docs/guide/README.md";

    /// <summary>
    /// How many blocks of a page are not run: they start the stack, run all tests, or need a subscription, Docker or a graphics
    /// card. The numbers only fall.
    /// </summary>
    private static readonly Dictionary<string, int> s_notRun = new(StringComparer.Ordinal)
    {
        ["README.md"] = 2,
        ["docs/guide/README.md"] = 1,
        ["docs/guide/deploy.md"] = 5,
        ["docs/guide/library.md"] = 1,
    };

    private static readonly string[] s_run = ["sh", "output", "csharp", "azcli", "console"], s_read = ["json", "text", "mermaid"];

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-page-").FullName;
    private readonly string _programs = Directory.CreateTempSubdirectory("llada-programs-").FullName;

    public static TheoryData<string> Pages => [.. MarkdownPage.Guides.Where(page => BlocksOf(page).Any(block => block.Language == "sh"))];

    public static TheoryData<string> AllPages => [.. MarkdownPage.Guides];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Every_block_runs_as_written(string path)
    {
        MakePlace();
        var storage = new AzStorage(new BlobServiceClient(fixture.Stack.ConnectionString), _folder);
        using var bash = new BashSession(_folder, _programs, fixture.Stack.Address);
        string? printed = null;
        foreach (var block in BlocksOf(path))
        {
            if (block.Language == "sh")
                printed = await bash.RunAsync(block);
            else if (block.Language == "output" && printed is not null)
                PrintedText.AssertIs(printed, block, path);
            else if (AzStorage.Knows(block))
                await storage.RunAsync(block);
            else
                printed = null;     // what follows is the output of another kind of block
        }
    }

    [Theory]
    [MemberData(nameof(AllPages))]
    public void No_more_blocks_than_listed_are_not_run(string path) => Assert.Equal(
        s_notRun.GetValueOrDefault(path), BlocksOf(path).Count(block => block.Language is "console" or "azcli" && !AzStorage.Knows(block)));

    [Theory]
    [MemberData(nameof(AllPages))]
    public void Every_block_has_a_known_language(string path) =>
        Assert.All(BlocksOf(path), block => Assert.Contains(block.Language, s_run.Concat(s_read)));

    [Theory]
    [MemberData(nameof(Pages))]
    public void Every_page_that_calls_the_API_begins_with_the_same_lines(string path) =>
        Assert.Equal(FirstShellBlock(Setup), FirstShellBlock(path));

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Directory.Delete(_programs, recursive: true);
    }

    private static string FirstShellBlock(string path) => BlocksOf(path).First(block => block.Language == "sh").Text;

    private static IReadOnlyList<CodeBlock> BlocksOf(string path) => MarkdownPage.Read(path).Blocks;

    /// <summary>
    /// A folder that looks like the root of the repository with a stack's data in it. <c>dotnet run</c> takes the command line
    /// that is built already.
    /// </summary>
    private void MakePlace()
    {
        Directory.CreateSymbolicLink(Path.Combine(_folder, "data"), fixture.DataFolder);
        foreach (string room in new[] { "infra", "gpu-worker" })
            Directory.CreateSymbolicLink(Path.Combine(_folder, room), Repository.PathOf(room));
        string dotnet = Path.Combine(_programs, "dotnet");
        File.WriteAllText(dotnet, $"""
            #!/bin/sh
            case "$1 $2 $3 $4" in
              "run --project infra/cli --") shift 4; exec '{BuiltProgram.DotNet}' exec '{BuiltProgram.CommandLine}' "$@";;
            esac
            echo "This test runs infra/cli only, not: dotnet $*" >&2
            exit 1
            """);
        File.SetUnixFileMode(dotnet, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
