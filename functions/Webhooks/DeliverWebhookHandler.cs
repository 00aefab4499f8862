using System.Net;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using Polly.Timeout;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>Tells an endpoint of an event, again and again over 24 hours until it says that it heard.</summary>
public sealed partial class DeliverWebhookHandler(
    WebhookEndpoints endpoints, BatchStore batches, FineTuningStore trainings, WorkQueues queues, WebhookClient client, TimeProvider time, ILogger<DeliverWebhookHandler> logger)
{
    /// <summary>Sends what a batch that has ended has to tell. Doing it twice sends the same events twice, under the same ids.</summary>
    public Task SendAsync(BatchRecord batch, CancellationToken cancellation) =>
        SendAsync(WebhookEvent.TypeOf(batch.Status), new WebhookMessage(batch.Tenant, Endpoint: "", batch.RowKey, Attempt: 0), cancellation);

    /// <summary>Sends what a fine-tuning job that has ended has to tell, likewise.</summary>
    public Task SendAsync(FineTuningJobRecord job, CancellationToken cancellation) =>
        SendAsync(WebhookEvent.TypeOf(job.Status), new WebhookMessage(job.Tenant, Endpoint: "", Batch: null, Attempt: 0, job.RowKey), cancellation);

    public async Task RunAsync(WebhookMessage message, CancellationToken cancellation)
    {
        var endpoint = await endpoints.Records.FindAsync(message.Tenant, message.Endpoint, cancellation);
        if (endpoint is null || await FindAsync(message, cancellation) is not { } news)
            return;     // nobody wants to know any more
        await TracedWork.RunAsync("webhook", news.Event.Data.Id, news.TraceParent, () => RunAsync(message, endpoint, news.Event, cancellation));
    }

    private async Task SendAsync(string type, WebhookMessage message, CancellationToken cancellation)
    {
        await foreach (var endpoint in endpoints.Records.ListAsync(message.Tenant, after: null, cancellation))
        {
            if (endpoint.Wants(type))
                await queues.SendWebhookAsync(message with { Endpoint = endpoint.RowKey }, TimeSpan.Zero, cancellation);
        }
    }

    /// <returns>What there is to tell; null when the job is gone.</returns>
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

    /// <returns>What went wrong; empty when the endpoint heard, or will never want to.</returns>
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

    [LoggerMessage(EventId = 251, Level = LogLevel.Warning, Message = "{Endpoint} did not hear of {Job} at attempt {Attempt}: {Outcome}")]
    private static partial void LogFailed(ILogger logger, string endpoint, string job, int attempt, string outcome);

    [LoggerMessage(EventId = 252, Level = LogLevel.Error, Message = "{Endpoint} did not hear of {Job} for 24 hours and is not told any more: {Outcome}")]
    private static partial void LogGivenUp(ILogger logger, string endpoint, string job, string outcome);
}
