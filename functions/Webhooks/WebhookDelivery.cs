using LLaDA.Batch.Functions.Remote;
using Polly;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>One attempt to deliver an event.</summary>
internal sealed class WebhookDelivery(WebhookClient client, HostBreakers breakers, TimeProvider time)
{
    /// <summary>Leaves a host alone for a while that has failed several times.</summary>
    public Task<DeliveryOutcome> RunAsync(WebhookTarget target, WebhookEvent webhookEvent, CancellationToken cancellation) =>
        // Each tenant has a breaker of its own: one may know how to make a host fail that another uses.
        RunAsync(target, webhookEvent, breakers.Of($"{target.Tenant} {new Uri(target.Url).Authority}"), cancellation);

    /// <summary>Calls the host however often it has failed: who asks for a test may just have mended it.</summary>
    public Task<DeliveryOutcome> TestAsync(WebhookTarget target, WebhookEvent webhookEvent, CancellationToken cancellation) =>
        RunAsync(target, webhookEvent, ResiliencePipeline.Empty, cancellation);

    private async Task<DeliveryOutcome> RunAsync(
        WebhookTarget target, WebhookEvent webhookEvent, ResiliencePipeline breaker, CancellationToken cancellation)
    {
        if (target.Secret is not { } secret)
        {
            return DeliveryOutcome.Failed(
                "The secret of the endpoint was encrypted with another key and cannot be read: create the endpoint again");
        }
        try
        {
            return DeliveryOutcome.Answered(await breaker.ExecuteAsync(
                async stop => await client.PostAsync(new Uri(target.Url), secret, webhookEvent, time.GetUtcNow(), stop), cancellation));
        }
        catch (HttpRequestException failure)
        {
            return DeliveryOutcome.Unreachable(failure);
        }
        catch (TimeoutRejectedException)
        {
            return DeliveryOutcome.Failed("The endpoint did not answer in time");
        }
        catch (BrokenCircuitException)
        {
            return DeliveryOutcome.Failed("The host of the endpoint has failed several times and is left alone for a while");
        }
    }
}
