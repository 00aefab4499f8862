using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>Delivers an event to an endpoint, with retries over 24 hours until the endpoint confirms it.</summary>
internal sealed partial class DeliverWebhookHandler
{
    /// <summary>How long a message waits for a place of its tenant; spread, so that all of a tenant's do not come back at once.</summary>
    private static readonly TimeSpan s_shortestWait = TimeSpan.FromSeconds(5), s_longestWait = TimeSpan.FromSeconds(15);

    private readonly WebhookEndpoints _endpoints;
    private readonly BatchStore _batches;
    private readonly FineTuningStore _jobs;
    private readonly WorkQueues _queues;
    private readonly WebhookDelivery _delivery;
    private readonly DeliveryPlaces _places;
    private readonly ILogger<DeliverWebhookHandler> _logger;

    public DeliverWebhookHandler(
        WebhookEndpoints endpoints,
        BatchStore batches,
        FineTuningStore jobs,
        WorkQueues queues,
        WebhookDelivery delivery,
        DeliveryPlaces places,
        ILogger<DeliverWebhookHandler> logger)
    {
        _endpoints = endpoints;
        _batches = batches;
        _jobs = jobs;
        _queues = queues;
        _delivery = delivery;
        _places = places;
        _logger = logger;
    }

    /// <summary>Sends the event of an ended batch. A second call sends the same event again, under the same id.</summary>
    public Task SendAsync(BatchRecord batch, CancellationToken cancellation) => SendAsync(
        batch.Tenant,
        WebhookEvent.TypeOf(batch.Status),
        endpoint => new WebhookMessage(batch.Tenant, endpoint, Attempt: 0, Batch: batch.RowKey),
        cancellation);

    /// <summary>Sends the event of an ended fine-tuning job, likewise.</summary>
    public Task SendAsync(FineTuningJobRecord job, CancellationToken cancellation) => SendAsync(
        job.Tenant,
        WebhookEvent.TypeOf(job.Status),
        endpoint => new WebhookMessage(job.Tenant, endpoint, Attempt: 0, Batch: null, Job: job.RowKey),
        cancellation);

    public async Task RunAsync(WebhookMessage message, CancellationToken cancellation)
    {
        var endpoint = await _endpoints.Records.FindAsync(message.Tenant, message.Endpoint, cancellation);
        if (endpoint is null || await FindAsync(message, cancellation) is not { } ended)
            return;     // the endpoint or the job is gone
        await TracedWork.RunAsync(
            "webhook", ended.Event.Data.Id, ended.TraceParent, () => RunAsync(message, endpoint, ended.Event, cancellation));
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
            return job is { IsTerminal: true } ? new EndedJob(WebhookEvent.Of(job), job.TraceParent) : null;
        }
        if (message.Batch is null)
            return null;
        var batch = await _batches.Records.FindAsync(message.Tenant, message.Batch, cancellation);
        return batch is { IsTerminal: true } ? new EndedJob(WebhookEvent.Of(batch), batch.TraceParent) : null;
    }

    private async Task RunAsync(
        WebhookMessage message, WebhookEndpointRecord endpoint, WebhookEvent webhookEvent, CancellationToken cancellation)
    {
        using var place = _places.TryEnter(endpoint.Tenant);
        if (place is null)
        {
            await PostponeAsync(message, cancellation);
            return;
        }
        string failure = await _delivery.RunAsync(endpoint, webhookEvent, cancellation);
        if (failure.Length == 0)
            return;
        if (message.Attempt >= WebhookOptions.Delays.Count)
        {
            LogGivenUp(_logger, endpoint.Id, webhookEvent.Data.Id, failure);
            return;
        }
        LogFailed(_logger, endpoint.Id, webhookEvent.Data.Id, message.Attempt + 1, failure);
        Telemetry.Retries.Add(1, Telemetry.With(Telemetry.Work, "webhook"), Telemetry.With(Telemetry.Outcome, "failed"));
        var next = message with { Attempt = message.Attempt + 1 };
        await _queues.SendWebhookAsync(next, WebhookOptions.Delays[message.Attempt], cancellation);
    }

    /// <summary>Puts the message behind those of others: the tenant's places are taken by endpoints that answer late.</summary>
    private Task PostponeAsync(WebhookMessage message, CancellationToken cancellation)
    {
        Telemetry.Retries.Add(1, Telemetry.With(Telemetry.Work, "webhook"), Telemetry.With(Telemetry.Outcome, "postponed"));
        var delay = s_shortestWait + (Random.Shared.NextDouble() * (s_longestWait - s_shortestWait));
        return _queues.SendWebhookAsync(message, delay, cancellation);
    }

    [LoggerMessage(
        EventId = 251,
        Level = LogLevel.Warning,
        Message = "Delivery of {Job} to {Endpoint} failed (attempt {Attempt}): {Outcome}")]
    private static partial void LogFailed(ILogger logger, string endpoint, string job, int attempt, string outcome);

    [LoggerMessage(
        EventId = 252,
        Level = LogLevel.Error,
        Message = "Delivery of {Job} to {Endpoint} failed for 24 hours and is given up: {Outcome}")]
    private static partial void LogGivenUp(ILogger logger, string endpoint, string job, string outcome);

    private sealed record EndedJob(WebhookEvent Event, string? TraceParent);
}
