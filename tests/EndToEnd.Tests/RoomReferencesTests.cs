using System.Text.Json.Nodes;
using System.Xml.Linq;

namespace LLaDA.Batch.EndToEnd.Tests;

/// <summary>
/// References go one way: Shared from Functions and Worker, Diffusion from Worker; tensors stay out of the control plane, and Azure out of
/// the library.
/// </summary>
public sealed class RoomReferencesTests
{

    [Theory]
    [InlineData("shared/LLaDA.Batch.Shared.csproj")]
    [InlineData("shared/Hosting/LLaDA.Batch.Hosting.csproj", "LLaDA.Batch.Shared")]
    [InlineData("functions/LLaDA.Batch.Functions.csproj", "LLaDA.Batch.Shared", "LLaDA.Batch.Hosting")]
    [InlineData("gpu-worker/Diffusion/LLaDA.Diffusion.csproj")]
    [InlineData("gpu-worker/Worker/LLaDA.Batch.Worker.csproj", "LLaDA.Batch.Shared", "LLaDA.Batch.Hosting", "LLaDA.Diffusion")]
    public void A_room_refers_to_the_rooms_below_it_and_to_no_other(string project, params string[] expected)
    {
        var references = XDocument.Load(Path.Combine(Repository.Root, project)).Descendants("ProjectReference")
            .Select(reference => Path.GetFileNameWithoutExtension(reference.Attribute("Include")!.Value.Replace('\\', '/')));

        Assert.Equal(expected.Order(), references.Order());
    }

    [Theory]
    [InlineData("LLaDA.Batch.Shared", "TorchSharp", "Tokenizers")]
    [InlineData("LLaDA.Batch.Hosting", "TorchSharp", "Tokenizers")]
    [InlineData("LLaDA.Batch.Functions", "TorchSharp", "Tokenizers", "LLaDA.Diffusion")]
    [InlineData("LLaDA.Diffusion", "Azure.", "Microsoft.AspNetCore", "Tokenizers")]
    public void What_a_room_brings_along_holds_nothing_that_it_must_not_know(string room, params string[] forbidden)
    {
        string? file = Directory.GetFiles(
            Path.Combine(Repository.Root, "artifacts", "bin", room), $"{room}.deps.json", SearchOption.AllDirectories).FirstOrDefault();
        Assert.NotNull(file);
        var libraries = JsonNode.Parse(File.ReadAllText(file))!["libraries"]!.AsObject().Select(library => library.Key).ToList();

        Assert.NotEmpty(libraries);
        Assert.All(
            forbidden, name => Assert.DoesNotContain(libraries, library => library.StartsWith(name, StringComparison.OrdinalIgnoreCase)));
    }

    [Fact]
    public void No_build_output_holds_a_copy_of_libtorch() =>
        Assert.Empty(Directory.GetFiles(Path.Combine(Repository.Root, "artifacts", "bin"), "libtorch_cpu.so", SearchOption.AllDirectories));
}
