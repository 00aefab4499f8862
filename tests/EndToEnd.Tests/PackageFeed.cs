using System.Diagnostics;
using LLaDA.Batch.EndToEnd.Tests.Snippets;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>A feed with the three packages, and a folder of projects that know no other feed.</summary>
public sealed class PackageFeed : IAsyncLifetime
{
    private static readonly string s_configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;

    public string Folder { get; } = Directory.CreateTempSubdirectory("llada-packages-").FullName;

    /// <summary>Of its own, since NuGet keeps what it has once seen under a version.</summary>
    public string Version { get; } = $"0.1.0-test{Guid.NewGuid():N}";

    public async ValueTask InitializeAsync()
    {
        string feed = Path.Combine(Folder, "feed"), projects = Path.Combine(Folder, "packages.proj");
        await File.WriteAllTextAsync(Path.Combine(Folder, "Directory.Build.props"), "<Project />");
        await File.WriteAllTextAsync(Path.Combine(Folder, "nuget.config"), $"""
            <configuration>
              <packageSources><clear /><add key="feed" value="{feed}" /></packageSources>
            </configuration>
            """);
        // In one process, which is a third of the time of three.
        await File.WriteAllTextAsync(projects, $"""
            <Project>
              <ItemGroup>
                <Packed Include="{Repository.PathOf("gpu-worker", "Diffusion")}/LLaDA.Diffusion.csproj" />
                <Packed Include="{Repository.PathOf("client")}/LLaDA.Batch.Client.csproj" />
                <Packed Include="{Repository.PathOf("infra", "cli")}/LLaDA.Batch.Cli.csproj" />
              </ItemGroup>
              <Target Name="Pack"><MSBuild Projects="@(Packed)" Targets="Pack" /></Target>
            </Project>
            """);
        await DotNetAsync(
            Repository.Root, environment: [], "msbuild", projects, "-t:Pack", "-nodeReuse:false", "-p:NoBuild=true",
            $"-p:Configuration={s_configuration}", $"-p:PackageOutputPath={feed}", $"-p:PackageVersion={Version}");
    }

    public ValueTask DisposeAsync()
    {
        foreach (string id in (string[])["llada.diffusion", "llada.batch.client", "llada.batch.tool"])
        {
            if (Directory.Exists(Path.Combine(BuiltProgram.Packages, id, Version)))
                Directory.Delete(Path.Combine(BuiltProgram.Packages, id, Version), recursive: true);
        }
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    internal static Task<string> DotNetAsync(string folder, Dictionary<string, string?> environment, params string[] arguments) =>
        RunAsync(BuiltProgram.DotNet, folder, environment, arguments);

    /// <returns>The standard output of a program that ends well.</returns>
    internal static async Task<string> RunAsync(
        string program, string folder, Dictionary<string, string?> environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true,
            Environment = { ["DOTNET_ROOT"] = Path.GetDirectoryName(BuiltProgram.DotNet), ["MSBUILDDISABLENODEREUSE"] = "1" },
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await output + errors);
        return await output;
    }
}
