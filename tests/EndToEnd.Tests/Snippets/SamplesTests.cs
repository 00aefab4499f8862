namespace LLaDA.Batch.EndToEnd.Tests.Snippets;

/// <summary>The samples: each compiles, and does what its first lines say.</summary>
public sealed class SamplesTests(StackFixture fixture) : IDisposable
{
    private const string Folder = "docs/samples";

    /// <summary>Arguments of each sample, and what it prints. A training of one pass shows that it runs, not that it learns.</summary>
    private static readonly Dictionary<string, (string[] Arguments, string Printed)> s_samples = new(StringComparer.Ordinal)
    {
        ["evaluate-by-likelihood"] = ([], "of 5 right"),
        ["explore-thresholds"] = ([], "32 passes"),
        ["fill-a-folder"] = (["infra/local/samples", "filled"], "6 of 6 texts"),
        ["fine-tune-and-use"] = ([$"{Folder}/messages.jsonl", "1"], " of 8 right before"),
        ["use-the-library"] = ([], "And God said unto"),
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-samples-").FullName;
    private readonly CSharpPrograms _programs = new();

    public static TheoryData<string> Names => [.. s_samples.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_sample_compiles_and_runs(string name)
    {
        foreach (string room in new[] { "docs", "infra", "gpu-worker" })
            Directory.CreateSymbolicLink(Path.Combine(_folder, room), Repository.PathOf(room));
        var environment = new Dictionary<string, string>
        {
            ["LLADA_BASE_URL"] = fixture.Stack.Address,
            ["LLADA_API_KEY"] = fixture.Stack.ApiKey,
        };
        string program = _programs.Compile(name, await File.ReadAllTextAsync(Repository.PathOf(Folder, name + ".cs")));

        string printed = await CSharpPrograms.RunAsync(program, _folder, environment, s_samples[name].Arguments);

        Assert.Contains(s_samples[name].Printed, printed, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_sample_is_run_here_stands_in_the_table_and_names_its_projects()
    {
        string[] files = Directory.GetFiles(Repository.PathOf(Folder), "*.cs");
        Assert.Equal(s_samples.Keys, files.Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal));
        string page = File.ReadAllText(Repository.PathOf(Folder, "README.md"));
        Assert.All(files, file =>
        {
            Assert.Contains($"| [{Path.GetFileName(file)}]({Path.GetFileName(file)}) |", page, StringComparison.Ordinal);
            var projects = File.ReadLines(file).Where(line => line.StartsWith("#:project ", StringComparison.Ordinal));
            Assert.All(projects, line => Assert.True(File.Exists(Repository.PathOf(Folder, line["#:project ".Length..])), line));
            Assert.NotEmpty(projects);
        });
    }

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        _programs.Dispose();
    }
}
