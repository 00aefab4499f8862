using LLaDA.Batch.EndToEnd.Tests.Snippets;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>The packages as their users get them: from a feed, into empty projects, with the lines of their README files.</summary>
public sealed class PackagesTests(StackFixture fixture, PackageFeed feed) : IClassFixture<PackageFeed>
{
    private Dictionary<string, string?> Environment => new(StringComparer.Ordinal)
    {
        ["LLADA_BASE_URL"] = fixture.Stack.Address,
        ["LLADA_API_KEY"] = fixture.Stack.ApiKey,
        ["Torch__LibTorch"] = BuiltProgram.LibTorchFolder,
    };

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
        string tools = Path.Combine(feed.Folder, "tools"), text = Path.Combine(feed.Folder, "letter.txt");
        await PackageFeed.DotNetAsync(
            feed.Folder, Environment, "tool", "install", "LLaDA.Batch.Tool", "--tool-path", tools, "--version", feed.Version);
        await File.WriteAllTextAsync(text, "And God said unto [MASK:1], Go forth.");

        string output = await PackageFeed.RunAsync(Path.Combine(tools, "llada"), feed.Folder, Environment, "fill", text);

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
        string folder = Path.Combine(feed.Folder, name);
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "Program.cs"), code);
        await File.WriteAllTextAsync(Path.Combine(folder, $"{name}.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType><TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings><Nullable>enable</Nullable>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="{package}" Version="{feed.Version}" /></ItemGroup>
            </Project>
            """);
        return await PackageFeed.DotNetAsync(folder, Environment, "run");
    }
}
