using System.Globalization;
using System.Net;
using System.Text;
using Polly;
using Polly.Retry;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>
/// Posts signed events to addresses that clients chose: no redirects, no proxies, no private networks, and only the status of the answer is
/// read.
/// </summary>
internal sealed class WebhookClient : IDisposable
{
    private static readonly TimeSpan s_firstPause = TimeSpan.FromMilliseconds(200), s_connectionLife = TimeSpan.FromMinutes(1);

    private readonly HttpClient _http;
    private readonly ResiliencePipeline<HttpStatusCode> _attempt;

    public WebhookClient(WebhookOptions options, PublicConnections connections)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            PooledConnectionLifetime = s_connectionLife,
        };
        if (!options.AllowLocal)
            handler.ConnectCallback = connections.OpenAsync;
        _http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };

        var builder = new ResiliencePipelineBuilder<HttpStatusCode>();
        if (options.TriesPerAttempt > 1)
        {
            builder.AddRetry(new RetryStrategyOptions<HttpStatusCode>
            {
                MaxRetryAttempts = options.TriesPerAttempt - 1,
                Delay = s_firstPause,
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = new PredicateBuilder<HttpStatusCode>()
                    .Handle<HttpRequestException>()
                    .HandleResult(status => status >= HttpStatusCode.InternalServerError),
            });
        }
        _attempt = builder.AddTimeout(options.AnswerTime).Build();
    }

    /// <returns>The status of the answer.</returns>
    /// <exception cref="HttpRequestException">There was none.</exception>
    /// <exception cref="Polly.Timeout.TimeoutRejectedException">It did not come in time.</exception>
    internal async Task<HttpStatusCode> PostAsync(
        Uri url, string secret, WebhookEvent webhookEvent, DateTimeOffset now, CancellationToken cancellation)
    {
        string body = webhookEvent.ToJson();
        long timestamp = now.ToUnixTimeSeconds();
        string signature = WebhookSignature.Sign(secret, webhookEvent.Id, timestamp, body);
        return await _attempt.ExecuteAsync(async stop =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url);
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
            request.Headers.Add("webhook-id", webhookEvent.Id);
            request.Headers.Add("webhook-timestamp", timestamp.ToString(CultureInfo.InvariantCulture));
            request.Headers.Add("webhook-signature", signature);
            request.Headers.UserAgent.ParseAdd("LLaDA.Batch");
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop);
            return response.StatusCode;
        }, cancellation);
    }

    public void Dispose() => _http.Dispose();
}
