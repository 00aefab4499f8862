using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using LLaDA.Batch.Worker;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>Ports, names and sources of the image agree with the deployment and the repository.</summary>
public sealed partial class DockerfileTests
{
    private static readonly string s_root = Path.GetFullPath(Path.Combine(Bicep.Folder, ".."));
    private static readonly string[] s_lines = File.ReadAllLines(Path.Combine(s_root, "gpu-worker", "Dockerfile"));

    [Fact]
    public void It_exposes_the_port_of_the_probes()
    {
        var names = JsonNode.Parse(File.ReadAllText(Path.Combine(Bicep.Folder, "names.json")))!;

        Assert.Equal([$"EXPOSE {names["healthPort"]}"], Lines("EXPOSE"));
    }

    [Fact]
    public void It_starts_the_worker_and_not_as_root()
    {
        string program = typeof(WorkerOptions).Assembly.GetName().Name!;
        int user = Array.IndexOf(s_lines, "USER $APP_UID"), start = Array.IndexOf(s_lines, $"""ENTRYPOINT ["./{program}"]""");

        Assert.True(user > 0 && start > user);
    }

    [Fact]
    public void Its_images_have_the_version_of_NET_that_the_projects_have()
    {
        string properties = File.ReadAllText(Path.Combine(s_root, "Directory.Build.props"));
        string version = TargetFramework().Match(properties).Groups["version"].Value;

        Assert.Equal(
            [$"FROM mcr.microsoft.com/dotnet/sdk:{version}-noble AS build", $"FROM mcr.microsoft.com/dotnet/aspnet:{version}-noble"],
            Lines("FROM"));
    }

    [Fact]
    public void What_it_copies_is_there_and_not_ignored()
    {
        string[] sources =
        [
            .. Lines("COPY ").Where(line => !line.Contains("--from", StringComparison.Ordinal)).SelectMany(line => line.Split(' ')[1..^1]),
        ];
        string[] kept =
        [
            .. File.ReadAllLines(Path.Combine(s_root, ".dockerignore")).Where(line => line.StartsWith('!'))
                .Select(line => line[1..].Replace("/**", "", StringComparison.Ordinal)),
        ];

        Assert.All(sources, source => Assert.True(Path.Exists(Path.Combine(s_root, source)), source));
        Assert.Equal(sources.Order(StringComparer.Ordinal), kept.Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Lines(string instruction) =>
        s_lines.Where(line => line.StartsWith(instruction, StringComparison.Ordinal));

    [GeneratedRegex(@"<TargetFramework>net(?<version>[\d.]+)<", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TargetFramework();
}
