using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>Delivers an event to an endpoint, with retries over 24 hours until the endpoint confirms it.</summary>
internal sealed partial class DeliverWebhookHandler
{
    private readonly WebhookEndpoints _endpoints;
    private readonly BatchWebhooks _webhooks;
    private readonly BatchStore _batches;
    private readonly FineTuningStore _jobs;
    private readonly WorkQueues _queues;
    private readonly WebhookDelivery _delivery;
    private readonly WebhookDeliveries _deliveries;
    private readonly DeliveryPlaces _places;
    private readonly ILogger<DeliverWebhookHandler> _logger;

    public DeliverWebhookHandler(
        WebhookEndpoints endpoints,
        BatchWebhooks webhooks,
        BatchStore batches,
        FineTuningStore jobs,
        WorkQueues queues,
        WebhookDelivery delivery,
        WebhookDeliveries deliveries,
        DeliveryPlaces places,
        ILogger<DeliverWebhookHandler> logger)
    {
        _endpoints = endpoints;
        _webhooks = webhooks;
        _batches = batches;
        _jobs = jobs;
        _queues = queues;
        _delivery = delivery;
        _deliveries = deliveries;
        _places = places;
        _logger = logger;
    }

    /// <summary>
    /// Sends the event of an ended batch to its own webhook and to the endpoints of its tenant. A second call sends the same event again,
    /// under the same id.
    /// </summary>
    public async Task SendAsync(BatchRecord batch, CancellationToken cancellation)
    {
        string type = WebhookEvent.TypeOf(batch.Status);
        WebhookMessage To(string? endpoint) => new(batch.Tenant, endpoint, Attempt: 0, Batch: batch.RowKey);
        if (BatchWebhooks.Wants(batch, type))
            await _queues.SendWebhookAsync(To(endpoint: null), TimeSpan.Zero, cancellation);
        await SendAsync(batch.Tenant, type, To, cancellation);
    }

    /// <summary>Sends the event of an ended fine-tuning job, likewise.</summary>
    public Task SendAsync(FineTuningJobRecord job, CancellationToken cancellation) => SendAsync(
        job.Tenant,
        WebhookEvent.TypeOf(job.Status),
        endpoint => new WebhookMessage(job.Tenant, endpoint, Attempt: 0, Batch: null, Job: job.RowKey),
        cancellation);

    public async Task RunAsync(WebhookMessage message, CancellationToken cancellation)
    {
        using var place = _places.TryEnter(message.Tenant);
        if (place is null)
        {
            await PostponeAsync(message, cancellation);
            return;
        }
        if (await FindAsync(message, cancellation) is not { } ended
            || await FindTargetAsync(message, ended, cancellation) is not { } target)
            return;     // the job or the endpoint is gone
        await TracedWork.RunAsync(
            "webhook", ended.Event.Data.Id, ended.TraceParent, () => RunAsync(message, target, ended.Event, place, cancellation));
    }

    private async Task SendAsync(string tenant, string type, Func<string, WebhookMessage> messageTo, CancellationToken cancellation)
    {
        await foreach (var endpoint in _endpoints.Records.ListAsync(tenant, after: null, cancellation))
        {
            if (endpoint.Wants(type))
                await _queues.SendWebhookAsync(messageTo(endpoint.RowKey), TimeSpan.Zero, cancellation);
        }
    }

    /// <returns>Null when the job is gone.</returns>
    private async Task<EndedJob?> FindAsync(WebhookMessage message, CancellationToken cancellation)
    {
        if (message.Job is { } key)
        {
            var job = await _jobs.Records.FindAsync(message.Tenant, key, cancellation);
            return job is { IsTerminal: true } ? new EndedJob(WebhookEvent.Of(job), job.TraceParent, OwnWebhook: null) : null;
        }
        if (message.Batch is null)
            return null;
        var batch = await _batches.Records.FindAsync(message.Tenant, message.Batch, cancellation);
        return batch is { IsTerminal: true }
            ? new EndedJob(WebhookEvent.Of(batch), batch.TraceParent, _webhooks.TargetOf(batch))
            : null;
    }

    /// <returns>Null when the endpoint is gone.</returns>
    private async Task<WebhookTarget?> FindTargetAsync(WebhookMessage message, EndedJob ended, CancellationToken cancellation)
    {
        if (message.Endpoint is null)
            return ended.OwnWebhook;
        var endpoint = await _endpoints.Records.FindAsync(message.Tenant, message.Endpoint, cancellation);
        return endpoint is null ? null : _endpoints.TargetOf(endpoint);
    }

    private async Task RunAsync(
        WebhookMessage message, WebhookTarget target, WebhookEvent webhookEvent, DeliveryPlace place, CancellationToken cancellation)
    {
        place.Start();
        var outcome = await _delivery.RunAsync(target, webhookEvent, cancellation);
        TimeSpan? delay = outcome.IsLast || message.Attempt >= WebhookOptions.Delays.Count ? null : WebhookOptions.Delays[message.Attempt];
        if (delay is { } pause)
        {
            LogFailed(_logger, target.Id, webhookEvent.Data.Id, message.Attempt + 1, outcome.Failure);
            Telemetry.Retries.Add(1, Telemetry.With(Telemetry.Work, "webhook"), Telemetry.With(Telemetry.Outcome, "failed"));
            await _queues.SendWebhookAsync(message with { Attempt = message.Attempt + 1 }, pause, cancellation);
        }
        else if (!outcome.IsLast)
        {
            LogGivenUp(_logger, target.Id, webhookEvent.Data.Id, outcome.Failure);
        }
        await CountAsync(target, webhookEvent, outcome, delay, cancellation);
    }

    /// <summary>Writes the log. The attempt was made whether storage takes the row or not: a failure must not repeat it.</summary>
    private async Task CountAsync(
        WebhookTarget target, WebhookEvent webhookEvent, DeliveryOutcome outcome, TimeSpan? delay, CancellationToken cancellation)
    {
        try
        {
            await _deliveries.CountAsync(target, webhookEvent, outcome, delay, cancellation);
        }
        catch (Exception failure) when (StorageFault.Is(failure))
        {
            LogNotCounted(_logger, target.Id, webhookEvent.Data.Id, failure);
        }
    }

    /// <summary>Puts the message behind those of others: the tenant's places are taken by endpoints that answer late.</summary>
    private Task PostponeAsync(WebhookMessage message, CancellationToken cancellation)
    {
        Telemetry.Retries.Add(1, Telemetry.With(Telemetry.Work, "webhook"), Telemetry.With(Telemetry.Outcome, "postponed"));
        return _queues.SendWebhookAsync(message, _places.Wait(message.Tenant), cancellation);
    }

    [LoggerMessage(
        EventId = 251,
        Level = LogLevel.Warning,
        Message = "Delivery of {Job} to {Endpoint} failed (attempt {Attempt}): {Outcome}")]
    private static partial void LogFailed(ILogger logger, string endpoint, string job, int attempt, string? outcome);

    [LoggerMessage(
        EventId = 252,
        Level = LogLevel.Error,
        Message = "Delivery of {Job} to {Endpoint} failed for 24 hours and is given up: {Outcome}")]
    private static partial void LogGivenUp(ILogger logger, string endpoint, string job, string? outcome);

    [LoggerMessage(EventId = 253, Level = LogLevel.Warning, Message = "An attempt to deliver {Job} to {Endpoint} is missing in the log")]
    private static partial void LogNotCounted(ILogger logger, string endpoint, string job, Exception failure);

    /// <param name="OwnWebhook">That of a batch; null where it has none.</param>
    private sealed record EndedJob(WebhookEvent Event, string? TraceParent, WebhookTarget? OwnWebhook);
}
