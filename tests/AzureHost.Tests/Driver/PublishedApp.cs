using System.Diagnostics;

namespace LLaDA.Batch.AzureHost.Tests.Driver;

/// <summary>
/// The functions as they are deployed, published once, for the first test that needs them. Warnings fail the build, as everywhere.
/// </summary>
public sealed class PublishedApp
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(9);

    private readonly Lazy<Task<(int ExitCode, string Output)>> _published = new(PublishAsync);

    public static string Program => Path.Combine(Folder, "LLaDA.Batch.Functions.dll");

    public static string Folder => Path.Combine(Artifacts, "publish", "LLaDA.Batch.Functions", "release");

    /// <summary>Apart from the other builds, because this one has more packages. Kept, so that the next run is short.</summary>
    private static string Artifacts => Repository.PathOf("artifacts", "azure-host");

    /// <summary>Publishes the app, or skips the test where the packages of Azure Functions do not restore.</summary>
    public async Task RequireAsync()
    {
        var (exitCode, output) = await _published.Value;
        string? missing = output.Split('\n').FirstOrDefault(line => line.Contains("error NU", StringComparison.Ordinal));
        string? reason = missing?.Split("error ")[1].Split('[')[0].Trim();
        Assert.SkipWhen(exitCode != 0 && reason is not null, $"The packages of Azure Functions do not restore here: {reason}");
        Assert.True(exitCode == 0, output);
    }

    private static async Task<(int ExitCode, string Output)> PublishAsync()
    {
        string project = Repository.PathOf("functions", "LLaDA.Batch.Functions.csproj");
        string[] arguments = ["publish", project, $"-p:ArtifactsPath={Artifacts}", "-nodeReuse:false"];
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
        using var limit = new CancellationTokenSource(s_limit);
        string output = await process.StandardOutput.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, output);
    }
}
