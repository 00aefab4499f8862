using LLaDA.Batch.Functions.Remote;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>One attempt to deliver an event.</summary>
internal sealed class WebhookDelivery(WebhookClient client, HostBreakers breakers, TimeProvider time)
{
    public async Task<DeliveryOutcome> RunAsync(WebhookTarget target, WebhookEvent webhookEvent, CancellationToken cancellation)
    {
        if (target.Secret is not { } secret)
        {
            return DeliveryOutcome.Failed(
                "The secret of the endpoint was encrypted with another key and cannot be read: create the endpoint again");
        }
        var url = new Uri(target.Url);
        try
        {
            // Each tenant has a breaker of its own: one may know how to make a host fail that another uses.
            var breaker = breakers.Of($"{target.Tenant} {url.Authority}");
            return DeliveryOutcome.Answered(await breaker.ExecuteAsync(
                async stop => await client.PostAsync(url, secret, webhookEvent, time.GetUtcNow(), stop), cancellation));
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
