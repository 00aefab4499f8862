using System.Diagnostics;

namespace LLaDA.Batch.AzureHost.Tests.Driver;

/// <summary>The functions as they are deployed, published once for all tests. Warnings fail the build, as everywhere.</summary>
public sealed class PublishedApp : IAsyncLifetime
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(9);

    private string? _unavailable;

    public static string Program => Path.Combine(Folder, "LLaDA.Batch.Functions.dll");

    public static string Folder => Path.Combine(Artifacts, "publish", "LLaDA.Batch.Functions", "release");

    /// <summary>Apart from the other builds, because this one has the packages of Azure Functions. Kept, so that the next run is short.</summary>
    private static string Artifacts => Repository.PathOf("artifacts", "azure-host");

    /// <summary>Skips the test where the packages of Azure Functions do not restore.</summary>
    public void Require() => Assert.SkipWhen(_unavailable is not null, $"The packages of Azure Functions do not restore here: {_unavailable}");

    public async ValueTask InitializeAsync()
    {
        var (exitCode, output) = await PublishAsync();
        if (exitCode == 0)
            return;
        _unavailable = output.Split('\n').FirstOrDefault(line => line.Contains("error NU", StringComparison.Ordinal))?.Split("error ")[1].Split('[')[0].Trim();
        Assert.True(_unavailable is not null, output);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private static async Task<(int ExitCode, string Output)> PublishAsync()
    {
        string[] arguments =
            ["publish", Repository.PathOf("functions", "LLaDA.Batch.Functions.csproj"), $"-p:ArtifactsPath={Artifacts}", "-nodeReuse:false"];
        using var process = Process.Start(new ProcessStartInfo("dotnet", arguments) { RedirectStandardOutput = true })!;
        using var limit = new CancellationTokenSource(s_limit);
        string output = await process.StandardOutput.ReadToEndAsync(limit.Token);
        await process.WaitForExitAsync(limit.Token);
        return (process.ExitCode, output);
    }
}
