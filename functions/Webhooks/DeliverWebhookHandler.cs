using System.Net;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using Polly.Timeout;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>Delivers an event to an endpoint, with retries over 24 hours until the endpoint confirms it.</summary>
public sealed partial class DeliverWebhookHandler(
    WebhookEndpoints endpoints, BatchStore batches, FineTuningStore trainings, WorkQueues queues, WebhookClient client, TimeProvider time, ILogger<DeliverWebhookHandler> logger)
{
    /// <summary>Sends the event of an ended batch. A second call sends the same event again, under the same id.</summary>
    public Task SendAsync(BatchRecord batch, CancellationToken cancellation) =>
        SendAsync(batch.Tenant, WebhookEvent.TypeOf(batch.Status), endpoint => new WebhookMessage(batch.Tenant, endpoint, Attempt: 0, Batch: batch.RowKey), cancellation);

    /// <summary>Sends the event of an ended fine-tuning job, likewise.</summary>
    public Task SendAsync(FineTuningJobRecord job, CancellationToken cancellation) =>
        SendAsync(job.Tenant, WebhookEvent.TypeOf(job.Status), endpoint => new WebhookMessage(job.Tenant, endpoint, Attempt: 0, Job: job.RowKey), cancellation);

    public async Task RunAsync(WebhookMessage message, CancellationToken cancellation)
    {
        var endpoint = await endpoints.Records.FindAsync(message.Tenant, message.Endpoint, cancellation);
        if (endpoint is null || await FindAsync(message, cancellation) is not { } news)
            return;     // the endpoint or the job is gone
        await TracedWork.RunAsync("webhook", news.Event.Data.Id, news.TraceParent, () => RunAsync(message, endpoint, news.Event, cancellation));
    }

    private async Task SendAsync(string tenant, string type, Func<string, WebhookMessage> messageTo, CancellationToken cancellation)
    {
        await foreach (var endpoint in endpoints.Records.ListAsync(tenant, after: null, cancellation))
        {
            if (endpoint.Wants(type))
                await queues.SendWebhookAsync(messageTo(endpoint.RowKey), TimeSpan.Zero, cancellation);
        }
    }

    /// <returns>Null when the job is gone.</returns>
    private async Task<(WebhookEvent Event, string? TraceParent)?> FindAsync(WebhookMessage message, CancellationToken cancellation)
    {
        if (message.Job is { } key)
            return await trainings.Records.FindAsync(message.Tenant, key, cancellation) is { IsTerminal: true } job ? (WebhookEvent.Of(job), job.TraceParent) : null;
        return message.Batch is not null && await batches.Records.FindAsync(message.Tenant, message.Batch, cancellation) is { IsTerminal: true } batch ? (WebhookEvent.Of(batch), batch.TraceParent) : null;
    }

    private async Task RunAsync(WebhookMessage message, WebhookEndpointRecord endpoint, WebhookEvent news, CancellationToken cancellation)
    {
        string outcome = await AttemptAsync(endpoint, news, cancellation);
        if (outcome.Length == 0)
            return;
        if (message.Attempt < WebhookOptions.Delays.Count)
        {
            LogFailed(logger, endpoint.Id, news.Data.Id, message.Attempt + 1, outcome);
            Telemetry.Retries.Add(1, Telemetry.With(Telemetry.Work, "webhook"), Telemetry.With(Telemetry.Outcome, "failed"));
            await queues.SendWebhookAsync(message with { Attempt = message.Attempt + 1 }, WebhookOptions.Delays[message.Attempt], cancellation);
        }
        else
        {
            LogGivenUp(logger, endpoint.Id, news.Data.Id, outcome);
        }
    }

    /// <returns>The reason of the failure; empty when the endpoint confirmed the event, or refuses all events.</returns>
    private async Task<string> AttemptAsync(WebhookEndpointRecord endpoint, WebhookEvent news, CancellationToken cancellation)
    {
        try
        {
            var status = await client.PostAsync(new Uri(endpoint.Url), endpoints.SecretOf(endpoint), news, time.GetUtcNow(), cancellation);
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

    [LoggerMessage(EventId = 251, Level = LogLevel.Warning, Message = "Delivery of {Job} to {Endpoint} failed (attempt {Attempt}): {Outcome}")]
    private static partial void LogFailed(ILogger logger, string endpoint, string job, int attempt, string outcome);

    [LoggerMessage(EventId = 252, Level = LogLevel.Error, Message = "Delivery of {Job} to {Endpoint} failed for 24 hours and is given up: {Outcome}")]
    private static partial void LogGivenUp(ILogger logger, string endpoint, string job, string outcome);
}
