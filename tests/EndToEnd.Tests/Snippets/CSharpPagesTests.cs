namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>
/// The C# blocks of the README and the guides are programs. They compile as in a new console project, and run from the root of the
/// repository.
/// </summary>
public sealed class CSharpPagesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("llada-page-").FullName;
    private readonly CSharpPrograms _programs = new();

    public static TheoryData<string> Pages =>
        [.. MarkdownPage.Guides.Where(page => MarkdownPage.Read(page).Blocks.Any(block => block.Language == "csharp"))];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Every_program_compiles_and_runs_as_written(string path)
    {
        Directory.CreateSymbolicLink(Path.Combine(_folder, "gpu-worker"), Repository.PathOf("gpu-worker"));
        string? printed = null;
        foreach (var block in MarkdownPage.Read(path).Blocks)
        {
            if (block.Language == "csharp")
                printed = await CSharpPrograms.RunAsync(_programs.Compile($"line-{block.Line}", block.Text), _folder);
            else if (block.Language == "output" && printed is not null)
                PrintedText.AssertIs(printed, block, path);
            else
                printed = null;
        }
    }

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        _programs.Dispose();
    }
}
