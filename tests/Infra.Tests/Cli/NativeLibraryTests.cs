using LLaDA.Batch.Infra.Tests.Cli.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Infra.Tests.Cli;

/// <summary><c>llada</c> needs no native library of tensors: neither in its folder nor in its process.</summary>
public sealed class NativeLibraryTests(StorageFixture fixture)
{
    private const string Project = "LLaDA.Batch.Cli";

    [Fact]
    public async Task A_model_is_added_without_loading_libtorch()
    {
        string connection = fixture.NewConnectionString();
        await new StorageAccount(new StorageOptions { ConnectionString = connection })
            .EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        using var folder = new ModelFolder();
        string trace = Path.Combine(folder.Path, "..", "loaded");
        string[] arguments = ["admin", "models", "add", folder.Path, "--connection-string", connection];

        // The dynamic loader lists each library that the process maps, in a file per process.
        var start = Built.Start(Project, "llada", arguments, ("LD_DEBUG", "libs"), ("LD_DEBUG_OUTPUT", trace));
        var finished = await Built.RunAsync(start);

        Assert.Equal(0, finished.Code);
        Assert.Contains("tiny is added", finished.Output, StringComparison.Ordinal);
        string[] files = Directory.GetFiles(Path.GetDirectoryName(Path.GetFullPath(trace))!, "loaded.*");
        string loaded = string.Concat(files.Select(File.ReadAllText));
        Assert.Contains("libcoreclr.so", loaded, StringComparison.Ordinal);
        Assert.DoesNotContain("torch", loaded, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Its_folder_holds_no_native_library_of_tensors() =>
        Assert.DoesNotContain(
            Directory.GetFiles(Built.Folder(Project), "*", SearchOption.AllDirectories).Select(Path.GetFileName),
            file => file!.Contains(".so", StringComparison.Ordinal) && file.Contains("torch", StringComparison.OrdinalIgnoreCase));
}
