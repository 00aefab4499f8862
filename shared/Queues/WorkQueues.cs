using System.Text.Json;
using Azure;
using Azure.Storage.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Queues;

/// <summary>Sends messages. They live for ever: a job is not lost because nobody looked for a week.</summary>
public sealed class WorkQueues(StorageAccount storage)
{
    private static readonly TimeSpan s_forEver = TimeSpan.FromSeconds(-1), s_clockSkew = TimeSpan.FromSeconds(30);

    public Task SendPlanAsync(string tenant, string batchKey, CancellationToken cancellation) =>
        SendAsync(StorageNames.PlanQueue, new PlanMessage(tenant, batchKey), TimeSpan.Zero, cancellation);

    /// <param name="delay">The message stays unseen so long.</param>
    public Task SendFinishAsync(string tenant, string batchKey, TimeSpan delay, CancellationToken cancellation) =>
        SendAsync(StorageNames.FinishQueue, new FinishMessage(tenant, batchKey), delay, cancellation);

    public Task SendShardAsync(string profile, ShardMessage shard, CancellationToken cancellation) =>
        SendAsync(StorageNames.GenerateQueue(profile), shard, TimeSpan.Zero, cancellation);

    public Task SendPlanTrainingAsync(string tenant, string jobKey, CancellationToken cancellation) =>
        SendAsync(StorageNames.PlanTrainingQueue, new TrainingMessage(tenant, jobKey), TimeSpan.Zero, cancellation);

    public Task SendTrainAsync(string profile, string tenant, string jobKey, CancellationToken cancellation) =>
        SendAsync(StorageNames.TrainQueue(profile), new TrainingMessage(tenant, jobKey), TimeSpan.Zero, cancellation);

    public Task SendFinishTrainingAsync(string tenant, string jobKey, CancellationToken cancellation) =>
        SendAsync(StorageNames.FinishTrainingQueue, new TrainingMessage(tenant, jobKey), TimeSpan.Zero, cancellation);

    /// <param name="delay">The message stays unseen so long.</param>
    public Task SendWebhookAsync(WebhookMessage webhook, TimeSpan delay, CancellationToken cancellation) => SendAsync(StorageNames.WebhookQueue, webhook, delay, cancellation);

    /// <summary>Messages of a queue, those in work included; an upper estimate.</summary>
    public async Task<int> CountAsync(string queue, CancellationToken cancellation) =>
        (await storage.Queue(queue).GetPropertiesAsync(cancellation)).Value.ApproximateMessagesCount;

    /// <summary>Whether every message that was sent before a time has been taken off its queue at least once since: the first one that waits is younger.</summary>
    public async Task<bool> HasDrainedAsync(string queue, DateTimeOffset sent, CancellationToken cancellation)
    {
        var first = (await storage.Queue(queue).PeekMessageAsync(cancellation)).Value;
        return first is null || first.InsertedOn > sent + s_clockSkew;
    }

    private async Task SendAsync<T>(string queueName, T message, TimeSpan delay, CancellationToken cancellation)
    {
        QueueClient queue = storage.Queue(queueName);
        string text = JsonSerializer.Serialize(message, WireJson.Options);
        try
        {
            await queue.SendMessageAsync(text, delay, s_forEver, cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            await queue.CreateIfNotExistsAsync(cancellationToken: cancellation);
            await queue.SendMessageAsync(text, delay, s_forEver, cancellation);
        }
    }
}
