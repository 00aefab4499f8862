using System.Globalization;
using System.Text.Json.Nodes;
using LLaDA.Batch.AzureHost.Tests.Driver;
using LLaDA.Batch.Functions;
using LLaDA.Batch.Functions.Hosting.Local;

namespace LLaDA.Batch.AzureHost.Tests;

/// <summary>host.json and local.settings.json agree with the Local host and with the limits of the service.</summary>
public sealed class HostSettingsTests
{
    [Fact]
    public void Its_queues_are_consumed_as_by_the_Local_host()
    {
        var settings = HostSettings.Read();

        Assert.Equal("none", HostSettings.Json["extensions"]!["queues"]!["messageEncoding"]!.GetValue<string>());
        Assert.Equal(
            TriggerService.Defaults,
            TriggerService.Defaults with
            {
                Concurrency = settings.BatchSize + settings.NewBatchThreshold,
                MaxDequeueCount = settings.MaxDequeueCount,
                RetryDelay = settings.VisibilityTimeout,
                MaxPollingInterval = settings.MaxPollingInterval,
            });
    }

    /// <summary>With larger batches a message waits for all those that were received with it.</summary>
    [Fact]
    public void No_message_waits_for_another_one() => Assert.Equal(1, HostSettings.Read().BatchSize);

    [Fact]
    public void Its_routes_have_no_prefix() =>
        Assert.Equal("", HostSettings.Json["extensions"]!["http"]!["routePrefix"]!.GetValue<string>());

    [Fact]
    public void The_storage_requests_of_the_host_are_not_logged() =>
        Assert.Equal("Warning", HostSettings.Json["logging"]!["logLevel"]!["Azure.Core"]!.GetValue<string>());

    [Fact]
    public void The_host_of_a_developer_lets_through_more_than_the_service_takes()
    {
        var local = JsonNode.Parse(File.ReadAllText(Repository.PathOf("functions", "local.settings.json")))!["Values"]!;

        Assert.InRange(
            long.Parse(local["FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"]!.GetValue<string>(), CultureInfo.InvariantCulture),
            new ServiceLimits().MaxRequestBytes + 1,
            long.MaxValue);
    }
}
