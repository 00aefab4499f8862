using System.Text.Json;
using Azure;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Queues;

/// <summary>Sends messages. They never expire.</summary>
public sealed class WorkQueues(StorageAccount storage)
{
    /// <summary>Messages that storage shows in one call.</summary>
    private const int Shown = 32;

    private static readonly TimeSpan s_forEver = TimeSpan.FromSeconds(-1), s_clockSkew = TimeSpan.FromSeconds(30);

    public Task SendPlanAsync(JobKey batch, CancellationToken cancellation) =>
        SendAsync(StorageNames.PlanQueue, new PlanMessage(batch.Tenant, batch.RowKey), TimeSpan.Zero, cancellation);

    /// <param name="delay">How long the message stays invisible.</param>
    public Task SendFinishAsync(JobKey batch, TimeSpan delay, CancellationToken cancellation) =>
        SendAsync(StorageNames.FinishQueue, new FinishMessage(batch.Tenant, batch.RowKey), delay, cancellation);

    public Task SendShardAsync(string profile, ShardMessage shard, CancellationToken cancellation) =>
        SendAsync(StorageNames.GenerateQueue(profile), shard, TimeSpan.Zero, cancellation);

    /// <summary>Sends the only shard of an answer at once.</summary>
    public Task SendNowAsync(string profile, ShardMessage shard, CancellationToken cancellation) =>
        SendAsync(StorageNames.NowQueue(profile), shard, TimeSpan.Zero, cancellation);

    public Task SendPlanTrainingAsync(JobKey job, CancellationToken cancellation) =>
        SendAsync(StorageNames.PlanTrainingQueue, new TrainingMessage(job.Tenant, job.RowKey), TimeSpan.Zero, cancellation);

    public Task SendTrainAsync(string profile, JobKey job, CancellationToken cancellation) =>
        SendAsync(StorageNames.TrainQueue(profile), new TrainingMessage(job.Tenant, job.RowKey), TimeSpan.Zero, cancellation);

    public Task SendFinishTrainingAsync(JobKey job, CancellationToken cancellation) =>
        SendAsync(StorageNames.FinishTrainingQueue, new TrainingMessage(job.Tenant, job.RowKey), TimeSpan.Zero, cancellation);

    /// <param name="delay">How long the message stays invisible.</param>
    public Task SendWebhookAsync(WebhookMessage webhook, TimeSpan delay, CancellationToken cancellation) =>
        SendAsync(StorageNames.WebhookQueue, webhook, delay, cancellation);

    /// <summary>Copies a message that cannot be processed to the poison queue of its queue.</summary>
    public async Task SendPoisonAsync(string queue, string text, CancellationToken cancellation) =>
        await SendTextAsync(StorageNames.PoisonQueue(queue), text, TimeSpan.Zero, cancellation);

    /// <summary>Messages of a queue, invisible ones included; an upper estimate.</summary>
    public async Task<int> CountAsync(string queue, CancellationToken cancellation) =>
        (await storage.Queue(queue).GetPropertiesAsync(cancellation)).Value.ApproximateMessagesCount;

    /// <summary>
    /// Whether every message that was sent before a time has been received since: the first visible ones are younger. Messages that were
    /// passed may stand out of order.
    /// </summary>
    public async Task<bool> HasDrainedAsync(string queue, DateTimeOffset sent, CancellationToken cancellation)
    {
        var first = (await storage.Queue(queue).PeekMessagesAsync(Shown, cancellation)).Value;
        return Array.TrueForAll(first, message => message.InsertedOn > sent + s_clockSkew);
    }

    /// <summary>Whether a message of another tenant waits to be received, as far as storage shows.</summary>
    public async Task<bool> HoldsOtherTenantsAsync(string queue, string tenant, CancellationToken cancellation) =>
        (await ListWaitingTenantsAsync(queue, cancellation)).Any(other => other != tenant);

    /// <summary>The tenants of messages that wait to be received, as far as storage shows.</summary>
    public async Task<IReadOnlySet<string>> ListWaitingTenantsAsync(string queue, CancellationToken cancellation)
    {
        var first = (await storage.Queue(queue).PeekMessagesAsync(Shown, cancellation)).Value;
        return first.Select(message => MessageReader.TryRead<TenantOfMessage>(message.Body.ToString())?.Tenant).OfType<string>()
            .ToHashSet(StringComparer.Ordinal);
    }

    private Task SendAsync<T>(string queue, T message, TimeSpan delay, CancellationToken cancellation) =>
        SendTextAsync(queue, JsonSerializer.Serialize(message, WireJson.Options), delay, cancellation);

    private async Task SendTextAsync(string name, string text, TimeSpan delay, CancellationToken cancellation)
    {
        var queue = storage.Queue(name);
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

    /// <summary>What all messages of tenants have.</summary>
    private sealed record TenantOfMessage(string Tenant);
}
