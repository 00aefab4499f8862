namespace LLaDA.Batch.Infra.Tests;

public sealed class LintTests
{
    public static TheoryData<string> Files =>
    [
        .. Directory.GetFiles(Bicep.Folder, "*.bicep*", SearchOption.AllDirectories)
            .Where(file => Path.GetExtension(file) is ".bicep" or ".bicepparam")
            .Select(file => Path.GetRelativePath(Bicep.Folder, file))
            .Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Files))]
    public async Task A_file_compiles_without_a_warning(string file)
    {
        var (exitCode, output, errors) = await Bicep.RunAsync("lint", Path.Combine(Bicep.Folder, file));

        Assert.Equal("", output + errors);
        Assert.Equal(0, exitCode);
    }

    [Theory]
    [InlineData("main.bicepparam")]
    [InlineData("production.bicepparam")]
    public async Task A_parameter_set_deploys_what_its_snapshot_says(string file)
    {
        string[] place = ["--subscription-id", "00000000-0000-0000-0000-000000000000", "--location", "swedencentral"];
        string[] arguments = ["snapshot", Path.Combine(Bicep.Folder, file), "--mode", "validate", .. place];
        var (exitCode, output, errors) = await Bicep.RunAsync(arguments);

        string wayOut = $"If the change is intended, write the snapshot: bicep snapshot {file} --mode overwrite (infra/README.md)";
        Assert.True(exitCode == 0, $"{output}{errors}\n{wayOut}");
    }
}
