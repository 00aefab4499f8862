using System.Reflection;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Hosting;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker;

namespace LLaDA.Batch.Infra.Tests;

/// <summary>Every setting that is deployed is one that the code reads, or one of the host's.</summary>
public sealed class SettingsTests
{
    /// <summary>Read by the Functions host, with the reason.</summary>
    private static readonly Dictionary<string, string> s_hostSettings = new(StringComparer.Ordinal)
    {
        ["AzureWebJobsStorage__accountName"] = "the host keeps its leases and watches its queues there",
        ["AzureWebJobsStorage__credential"] = "by identity, not by key",
        ["AzureWebJobsStorage__clientId"] = "which identity",
        ["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"] = "the host refuses larger requests before the service sees them",
        ["APPLICATIONINSIGHTS_CONNECTION_STRING"] = "where the host sends its logs, and the service its traces and metrics",
        ["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"] = "by identity, not by key",
        ["AzureWebJobsDisableHomepage"] = "the host's own page would stand in place of the service's",
        ["OTEL_TRACES_SAMPLER"] = "OpenTelemetry's own: a trace is kept even where the host samples its request away",
    };

    private static readonly Dictionary<string, Type> s_sections = new(StringComparer.Ordinal)
    {
        [StorageOptions.Section] = typeof(StorageOptions),
        [WorkerOptions.Section] = typeof(WorkerOptions),
        [ServiceLimits.Section] = typeof(ServiceLimits),
        [SecretOptions.Section] = typeof(SecretOptions),
        [RetentionOptions.Section] = typeof(RetentionOptions),
        [WebhookOptions.Section] = typeof(WebhookOptions),
    };

    [Theory]
    [InlineData("main")]
    [InlineData("production")]
    public void Every_setting_of_the_workers_is_read(string set)
    {
        var deployment = Deployment.Of(set);
        Assert.All([.. deployment.OfType("Microsoft.App/containerApps"), .. deployment.OfType("Microsoft.App/jobs")], worker =>
        {
            var container = Deployment.At(worker, "properties", "template", "containers")![0]!;
            string[] settings = [.. container["env"]!.AsArray().Select(entry => Deployment.Text(entry!, "name"))];
            Assert.Contains(TelemetryExport.InsightsSetting, settings);
            Assert.All(settings.Except([TelemetryExport.InsightsSetting]), AssertRead);
        });
    }

    [Theory]
    [InlineData("main")]
    [InlineData("production")]
    public void Every_setting_of_the_functions_is_read_by_them_or_by_their_host(string set)
    {
        var configuration = Deployment.Of(set).Only("Microsoft.Web/sites/config")["properties"]!.AsObject();
        string[] settings = [.. configuration.Select(setting => setting.Key)];

        Assert.All(settings.Except(s_hostSettings.Keys), AssertRead);
        Assert.All(s_hostSettings.Keys, setting => Assert.Contains(setting, settings));
    }

    [Fact]
    public void The_sealing_key_comes_from_the_vault()
    {
        string template = File.ReadAllText(Path.Combine(Bicep.Folder, "modules", "functions.bicep"));

        const string name = $"{SecretOptions.Section}__{nameof(SecretOptions.Key)}";
        Assert.Contains($"{name}: '@Microsoft.KeyVault(SecretUri=${{sealingKeyUri}})'", template, StringComparison.Ordinal);
    }

    private static void AssertRead(string setting)
    {
        string[] parts = setting.Split("__");
        Assert.Equal(2, parts.Length);
        Assert.True(s_sections.TryGetValue(parts[0], out var options), $"{setting}: no options class reads the section {parts[0]}");
        var option = options.GetProperty(parts[1], BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase);
        Assert.True(option is { CanWrite: true }, $"{setting}: {options.Name} has no such option");
    }
}
