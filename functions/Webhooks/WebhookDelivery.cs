using System.Net;
using LLaDA.Batch.Functions.Remote;
using Polly.CircuitBreaker;
using Polly.Timeout;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>One attempt to deliver an event to an endpoint.</summary>
internal sealed class WebhookDelivery(WebhookEndpoints endpoints, WebhookClient client, HostBreakers breakers, TimeProvider time)
{
    /// <returns>The reason of the failure; empty when the endpoint confirmed the event, or refuses all events.</returns>
    public async Task<string> RunAsync(WebhookEndpointRecord endpoint, WebhookEvent webhookEvent, CancellationToken cancellation)
    {
        var url = new Uri(endpoint.Url);
        string secret = endpoints.SecretOf(endpoint);
        try
        {
            // Each tenant has a breaker of its own: one may know how to make a host fail that another uses.
            var breaker = breakers.Of($"{endpoint.Tenant} {url.Authority}");
            var status = await breaker.ExecuteAsync(
                async stop => await client.PostAsync(url, secret, webhookEvent, time.GetUtcNow(), stop), cancellation);
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
        catch (BrokenCircuitException)
        {
            return "its host has failed several times and is left alone for a while";
        }
    }
}
