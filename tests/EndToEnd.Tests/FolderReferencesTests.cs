namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>The first-level folders of a project form no circle.</summary>
public sealed class FolderReferencesTests
{
    [Theory]
    [InlineData("LLaDA.Batch.Shared", "Batches", "Storage")]
    [InlineData("LLaDA.Batch.Functions", "Hosting", "Batches")]
    [InlineData("LLaDA.Batch.Worker", "Shards", "Models")]
    [InlineData("LLaDA.Diffusion", "Sampling", "Model")]
    [InlineData("LLaDA.Batch.Cli", null, null, "llada.dll")]
    [InlineData("LLaDA.Batch.Train", null, null, "llada-train.dll")]
    [InlineData("LLaDA.Batch.Local")]
    public void The_folders_of_a_project_form_no_circle(string project, string? from = null, string? to = null, string? file = null)
    {
        var references = new FolderReferences(AssemblyOf(project, file ?? $"{project}.dll"), rootNamespace: project);
        var circle = references.FindCircle();

        if (from is not null)
            Assert.Contains((from, to!), references.Examples.Keys);
        var examples = circle.Zip(circle.Skip(1), (left, right) => references.Examples[(left, right)]);
        Assert.True(circle.Count == 0, $"{string.Join(" -> ", circle)}: {string.Join("; ", examples)}");
    }

    /// <summary>The last build, of whatever configuration.</summary>
    private static string AssemblyOf(string project, string file) => Directory
        .GetFiles(Repository.PathOf("artifacts", "bin", project), file, SearchOption.AllDirectories)
        .MaxBy(File.GetLastWriteTimeUtc)!;
}
