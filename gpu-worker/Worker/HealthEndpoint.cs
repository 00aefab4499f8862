using System.Net;
using Microsoft.Extensions.Hosting;

namespace LLaDA.Batch.Worker;

/// <summary>
/// For the probes of the platform that runs the worker: answers <c>GET /healthz</c> with 200 while it lives, and <c>GET /readyz</c> once its models are made known, before that with 503.
/// </summary>
public sealed class HealthEndpoint(WorkerOptions options) : BackgroundService
{
    private readonly HttpListener _listener = new();
    private volatile bool _isReady;

    /// <summary>The worker takes work from now on.</summary>
    public void SetReady() => _isReady = true;

    /// <summary>Once started it listens.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.HealthPort is { } port)
        {
            _listener.Prefixes.Add($"http://*:{port}/");
            _listener.Start();
        }
        return base.StartAsync(cancellationToken);
    }

    public override void Dispose()
    {
        _listener.Close();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var stop = stoppingToken.Register(_listener.Abort);
        while (_listener.IsListening)
        {
            try
            {
                Answer(await _listener.GetContextAsync());
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                // Whoever asked has gone, or the worker stops.
            }
        }
    }

    private void Answer(HttpListenerContext context)
    {
        context.Response.StatusCode = (int)(context.Request is { HttpMethod: "GET", Url.AbsolutePath: var path }
            ? path switch { "/healthz" => HttpStatusCode.OK, "/readyz" => _isReady ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable, _ => HttpStatusCode.NotFound }
            : HttpStatusCode.NotFound);
        context.Response.Close();
    }
}
