using System.Net;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using Polly.Timeout;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>Tells an endpoint of an event, again and again over 24 hours until it says that it heard.</summary>
public sealed partial class DeliverWebhook(
    WebhookEndpoints endpoints, BatchStore batches, WorkQueues queues, WebhookClient client, TimeProvider time, ILogger<DeliverWebhook> logger)
{
    /// <summary>Sends what a batch that has ended has to tell. Doing it twice sends the same events twice, under the same ids.</summary>
    public async Task SendAsync(BatchRecord batch, CancellationToken cancellation)
    {
        string type = WebhookEvent.TypeOf(batch.Status);
        await foreach (var endpoint in endpoints.Records.ListAsync(batch.Tenant, after: null, cancellation))
        {
            if (endpoint.Wants(type))
                await queues.SendWebhookAsync(new WebhookMessage(batch.Tenant, endpoint.RowKey, batch.RowKey, Attempt: 0), TimeSpan.Zero, cancellation);
        }
    }

    public async Task RunAsync(WebhookMessage message, CancellationToken cancellation)
    {
        var endpoint = await endpoints.Records.FindAsync(message.Tenant, message.Endpoint, cancellation);
        var batch = await batches.Records.FindAsync(message.Tenant, message.Batch, cancellation);
        if (endpoint is null || batch is not { IsTerminal: true })
            return;     // nobody wants to know any more
        await TracedWork.RunAsync("webhook", batch.Id, batch.TraceParent, () => RunAsync(message, endpoint, batch, cancellation));
    }

    private async Task RunAsync(WebhookMessage message, WebhookEndpointRecord endpoint, BatchRecord batch, CancellationToken cancellation)
    {
        string outcome = await AttemptAsync(endpoint, batch, cancellation);
        if (outcome.Length == 0)
            return;
        if (message.Attempt < WebhookOptions.Delays.Count)
        {
            LogFailed(logger, endpoint.Id, batch.Id, message.Attempt + 1, outcome);
            Telemetry.Retries.Add(1, Telemetry.With(Telemetry.Work, "webhook"), Telemetry.With(Telemetry.Outcome, "failed"));
            await queues.SendWebhookAsync(message with { Attempt = message.Attempt + 1 }, WebhookOptions.Delays[message.Attempt], cancellation);
        }
        else
        {
            LogGivenUp(logger, endpoint.Id, batch.Id, outcome);
        }
    }

    /// <returns>What went wrong; empty when the endpoint heard, or will never want to.</returns>
    private async Task<string> AttemptAsync(WebhookEndpointRecord endpoint, BatchRecord batch, CancellationToken cancellation)
    {
        try
        {
            var status = await client.PostAsync(new Uri(endpoint.Url), endpoints.SecretOf(endpoint), WebhookEvent.Of(batch), time.GetUtcNow(), cancellation);
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

    [LoggerMessage(EventId = 251, Level = LogLevel.Warning, Message = "{Endpoint} did not hear of {Batch} at attempt {Attempt}: {Outcome}")]
    private static partial void LogFailed(ILogger logger, string endpoint, string batch, int attempt, string outcome);

    [LoggerMessage(EventId = 252, Level = LogLevel.Error, Message = "{Endpoint} did not hear of {Batch} for 24 hours and is not told any more: {Outcome}")]
    private static partial void LogGivenUp(ILogger logger, string endpoint, string batch, string outcome);
}
