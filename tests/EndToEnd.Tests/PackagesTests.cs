using System.Diagnostics;
using LLaDA.Batch.EndToEnd.Tests.Snippets;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>The packages as their users get them: from a feed, into empty projects, with the lines of their README files.</summary>
public sealed class PackagesTests(StackFixture fixture) : IAsyncLifetime
{
    private static readonly string s_configuration = new DirectoryInfo(AppContext.BaseDirectory).Name;

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-packages-").FullName;

    /// <summary>Of its own, since NuGet keeps what it has once seen under a version.</summary>
    private readonly string _version = $"0.1.0-test{Guid.NewGuid():N}";

    private string Feed => Path.Combine(_folder, "feed");

    public async ValueTask InitializeAsync()
    {
        foreach (string project in (string[])["gpu-worker/Diffusion", "client", "infra/cli"])
            await DotNetAsync(
                Repository.Root, "pack", project, "--no-build", "-c", s_configuration, "-o", Feed, $"-p:PackageVersion={_version}",
                    "-nodeReuse:false");
        await File.WriteAllTextAsync(Path.Combine(_folder, "nuget.config"), $"""
            <configuration>
              <packageSources><clear /><add key="feed" value="{Feed}" /></packageSources>
            </configuration>
            """);
        await File.WriteAllTextAsync(Path.Combine(_folder, "Directory.Build.props"), "<Project />");
    }

    public ValueTask DisposeAsync()
    {
        foreach (string id in (string[])["llada.diffusion", "llada.batch.client", "llada.batch.tool"])
        {
            if (Directory.Exists(Path.Combine(BuiltProgram.Packages, id, _version)))
                Directory.Delete(Path.Combine(BuiltProgram.Packages, id, _version), recursive: true);
        }
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task The_library_fills_a_text_in_an_empty_project()
    {
        string code = CSharpBlock(Path.Combine(Repository.Root, "README.md"))
            .Replace("gpu-worker/models", Path.Combine(Repository.Root, "gpu-worker", "models"), StringComparison.Ordinal);

        string output = await RunAsync("library", "LLaDA.Diffusion", code);

        Assert.StartsWith("And God said unto", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_client_fills_a_text_in_an_empty_project()
    {
        string output = await RunAsync("client", "LLaDA.Batch.Client", CSharpBlock(Path.Combine(Repository.Root, "client", "README.md")));

        Assert.StartsWith("And the whole earth was of one", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_tool_is_installed_and_fills_a_file()
    {
        string tools = Path.Combine(_folder, "tools"), text = Path.Combine(_folder, "letter.txt");
        await DotNetAsync(_folder, "tool", "install", "LLaDA.Batch.Tool", "--tool-path", tools, "--version", _version);
        await File.WriteAllTextAsync(text, "And God said unto [MASK:1], Go forth.");

        string output = await ProcessAsync(Path.Combine(tools, "llada"), _folder, "fill", text);

        Assert.StartsWith("And God said unto", output, StringComparison.Ordinal);
    }

    private static string CSharpBlock(string page)
    {
        const string fence = "```csharp\n";
        string text = File.ReadAllText(page);
        int start = text.IndexOf(fence, StringComparison.Ordinal) + fence.Length;
        return text[start..text.IndexOf("```", start, StringComparison.Ordinal)];
    }

    private async Task<string> RunAsync(string name, string package, string code)
    {
        string folder = Path.Combine(_folder, name);
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "Program.cs"), code);
        await File.WriteAllTextAsync(Path.Combine(folder, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings><Nullable>enable</Nullable>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="{package}" Version="{_version}" /></ItemGroup>
            </Project>
            """);
        return await DotNetAsync(folder, "run");
    }

    private Task<string> DotNetAsync(string folder, params string[] arguments) => ProcessAsync(BuiltProgram.DotNet, folder, arguments);

    private async Task<string> ProcessAsync(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true,
            Environment =
            {
                ["LLADA_BASE_URL"] = fixture.Stack?.Address, ["LLADA_API_KEY"] = fixture.Stack?.ApiKey,
                ["Torch__LibTorch"] = BuiltProgram.LibTorchFolder, ["DOTNET_ROOT"] = Path.GetDirectoryName(BuiltProgram.DotNet),
                ["MSBUILDDISABLENODEREUSE"] = "1",
            },
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await output + errors);
        return await output;
    }
}
