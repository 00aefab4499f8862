using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Batch.AzureHost.Tests.Driver;

/// <summary>What the Functions host takes from the app's host.json.</summary>
internal sealed record HostSettings
{
    public required int MaxConcurrentRequests { get; init; }

    public required int MaxOutstandingRequests { get; init; }

    /// <summary>Messages that a queue's listener receives in one call.</summary>
    public required int BatchSize { get; init; }

    /// <summary>The listener receives again once no more messages than these are in work.</summary>
    public required int NewBatchThreshold { get; init; }

    public required int MaxDequeueCount { get; init; }

    /// <summary>How long a failed message stays invisible.</summary>
    public required TimeSpan VisibilityTimeout { get; init; }

    public required TimeSpan MaxPollingInterval { get; init; }

    public static JsonNode Json { get; } = JsonNode.Parse(File.ReadAllText(Repository.PathOf("functions", "host.json")))!;

    public static HostSettings Read()
    {
        JsonNode http = Json["extensions"]!["http"]!, queues = Json["extensions"]!["queues"]!;
        return new HostSettings
        {
            MaxConcurrentRequests = http["maxConcurrentRequests"]!.GetValue<int>(),
            MaxOutstandingRequests = http["maxOutstandingRequests"]!.GetValue<int>(),
            BatchSize = queues["batchSize"]!.GetValue<int>(),
            NewBatchThreshold = queues["newBatchThreshold"]!.GetValue<int>(),
            MaxDequeueCount = queues["maxDequeueCount"]!.GetValue<int>(),
            VisibilityTimeout = queues["visibilityTimeout"].Deserialize<TimeSpan>(),
            MaxPollingInterval = queues["maxPollingInterval"].Deserialize<TimeSpan>(),
        };
    }
}
