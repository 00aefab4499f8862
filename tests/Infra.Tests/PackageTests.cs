using System.Diagnostics;
using System.IO.Compression;
using System.Xml.Linq;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>
/// The packages, made from what this build compiled, carry the metadata of eng/Package.props. tests/EndToEnd.Tests installs and uses them.
/// </summary>
public sealed class PackageTests : IAsyncLifetime
{
    private static readonly string s_root = Path.GetFullPath(Path.Combine(Bicep.Folder, ".."));

    /// <summary>The output folder is named after the configuration.</summary>
    private static readonly string s_configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-package-").FullName;

    public async ValueTask InitializeAsync()
    {
        foreach (string project in (string[])["gpu-worker/Diffusion", "client", "infra/cli"])
            await PackAsync(project);
    }

    private async Task PackAsync(string project)
    {
        string[] arguments = ["pack", project, "--no-build", "-c", s_configuration, "-o", _folder, "-nodeReuse:false"];
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
    public async Task Each_states_its_licence_and_carries_readme_icon_and_symbols()
    {
        foreach (string id in (string[])["LLaDA.Diffusion", "LLaDA.Batch.Client", "LLaDA.Batch.Tool"])
            await CheckAsync(id);
        Assert.InRange(new FileInfo(Path.Combine(_folder, "LLaDA.Batch.Tool.0.1.0.nupkg")).Length, 1, 20_000_000);
    }

    private async Task CheckAsync(string id)
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var package = await ZipFile.OpenReadAsync(Assert.Single(Directory.GetFiles(_folder, $"{id}.*.nupkg")), cancellation);
        await using var nuspec = await package.GetEntry($"{id}.nuspec")!.OpenAsync(cancellation);
        var metadata = (await XDocument.LoadAsync(nuspec, LoadOptions.None, cancellation)).Root!.Elements().First();
        string? Value(string name) => metadata.Elements().SingleOrDefault(element => element.Name.LocalName == name)?.Value;

        Assert.Equal("MIT", Value("license"));
        Assert.Equal("The LLaDA.Batch contributors", Value("authors"));
        Assert.NotEqual("Package Description", Value("description"));
        Assert.NotNull(package.GetEntry(Value("readme")!));
        Assert.NotNull(package.GetEntry(Value("icon")!));
        Assert.Single(Directory.GetFiles(_folder, $"{id}.*.snupkg"));
    }
}
