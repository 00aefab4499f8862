using System.Diagnostics;
using System.Reflection;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Http;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>Runs the Bicep CLI on the folder infra.</summary>
internal static class Bicep
{
    /// <summary>What the parameter files read from the environment.</summary>
    private static readonly Dictionary<string, string> s_environment = new()
    {
        ["AZURE_ENV_NAME"] = "test",
        ["AZURE_LOCATION"] = "swedencentral",
        ["AZURE_PRINCIPAL_ID"] = "11111111-1111-1111-1111-111111111111",
        ["LLADA_SEALING_KEY"] = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ["LLADA_ALERT_EMAIL"] = "operator@example.com",
        ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "1",
    };

    public static string Folder { get; } = Metadata("InfraFolder");

    /// <returns>The exit code, and what it said on either stream.</returns>
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(params string[] arguments)
    {
        var start = new ProcessStartInfo(Metadata("Bicep"), arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in s_environment)
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output, errors);
    }

    /// <summary>The template of a Bicep file, its modules included.</summary>
    public static async Task<JsonNode> CompileAsync(string file)
    {
        var (exitCode, output, errors) = await RunAsync("build", Path.Combine(Folder, file), "--stdout");
        Assert.True(exitCode == 0, errors);
        return JsonNode.Parse(output)!;
    }

    private static string Metadata(string key) =>
        typeof(Bicep).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == key).Value!;
}
