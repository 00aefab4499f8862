using System.Net;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using Polly.Timeout;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>Delivers an event to an endpoint, with retries over 24 hours until the endpoint confirms it.</summary>
public sealed partial class DeliverWebhookHandler
{
    private readonly WebhookEndpoints _endpoints;
    private readonly BatchStore _batches;
    private readonly FineTuningStore _jobs;
    private readonly WorkQueues _queues;
    private readonly WebhookClient _client;
    private readonly TimeProvider _time;
    private readonly ILogger<DeliverWebhookHandler> _logger;

    public DeliverWebhookHandler(
        WebhookEndpoints endpoints,
        BatchStore batches,
        FineTuningStore jobs,
        WorkQueues queues,
        WebhookClient client,
        TimeProvider time,
        ILogger<DeliverWebhookHandler> logger)
    {
        _endpoints = endpoints;
        _batches = batches;
        _jobs = jobs;
        _queues = queues;
        _client = client;
        _time = time;
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
        string failure = await AttemptAsync(endpoint, webhookEvent, cancellation);
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

    /// <returns>The reason of the failure; empty when the endpoint confirmed the event, or refuses all events.</returns>
    private async Task<string> AttemptAsync(WebhookEndpointRecord endpoint, WebhookEvent webhookEvent, CancellationToken cancellation)
    {
        try
        {
            string secret = _endpoints.SecretOf(endpoint);
            var status = await _client.PostAsync(new Uri(endpoint.Url), secret, webhookEvent, _time.GetUtcNow(), cancellation);
            return (int)status is >= 200 and < 300 || status == HttpStatusCode.Gone ? "" : $"it answered {(int)status}";
        }
        catch (HttpRequestException failure)
        {
            return $"it cannot be reached ({failure.HttpRequestError})";
        }
        catch (TimeoutRejectedException)
        {
            return "it did not answer in time";
        }
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
