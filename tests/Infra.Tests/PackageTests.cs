using System.Diagnostics;
using System.IO.Compression;
using System.Xml.Linq;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>The package of the library, made from what this build compiled, carries the metadata of eng/Package.props.</summary>
public sealed class PackageTests : IAsyncLifetime
{
    private static readonly string s_root = Path.GetFullPath(Path.Combine(Bicep.Folder, ".."));

    /// <summary>The output folder is named after the configuration.</summary>
    private static readonly string s_configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-package-").FullName;

    public async ValueTask InitializeAsync()
    {
        string[] arguments = ["pack", "gpu-worker/Diffusion", "--no-build", "-c", s_configuration, "-o", _folder, "-nodeReuse:false"];
        var start = new ProcessStartInfo("dotnet", arguments) { WorkingDirectory = s_root, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        string output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(process.ExitCode == 0, output);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task It_states_its_licence_and_carries_readme_icon_and_symbols()
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var package = await ZipFile.OpenReadAsync(Assert.Single(Directory.GetFiles(_folder, "*.nupkg")), cancellation);
        await using var nuspec = await package.GetEntry("LLaDA.Diffusion.nuspec")!.OpenAsync(cancellation);
        var metadata = (await XDocument.LoadAsync(nuspec, LoadOptions.None, cancellation)).Root!.Elements().First();
        string? Value(string name) => metadata.Elements().SingleOrDefault(element => element.Name.LocalName == name)?.Value;

        Assert.Equal("MIT", Value("license"));
        Assert.Equal("The LLaDA.Batch contributors", Value("authors"));
        Assert.NotEqual("Package Description", Value("description"));
        Assert.NotNull(package.GetEntry(Value("readme")!));
        Assert.NotNull(package.GetEntry(Value("icon")!));
        Assert.Single(Directory.GetFiles(_folder, "*.snupkg"));
    }
}
