using System.Net;
using Microsoft.Extensions.Hosting;

namespace LLaDA.Batch.Worker;

/// <summary>
/// Answers the platform's probes: <c>GET /healthz</c> with 200 while the process lives, and <c>GET /readyz</c> with 200 once its models
/// are registered, before that with 503.
/// </summary>
internal sealed class HealthEndpoint : BackgroundService
{
    private readonly HttpListener _listener = new();
    private readonly int? _port;
    private volatile bool _isReady;

    public HealthEndpoint(WorkerOptions options) => _port = options.HealthPort;

    /// <summary>The worker takes work from now on.</summary>
    public void SetReady() => _isReady = true;

    /// <summary>Listens when it returns.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (_port is { } port)
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
                var context = await _listener.GetContextAsync();
                context.Response.StatusCode = (int)Status(context.Request);
                context.Response.Close();
            }
            catch (Exception exception) when (exception is HttpListenerException or ObjectDisposedException)
            {
                // The client has disconnected, or the worker stops.
            }
        }
    }

    private HttpStatusCode Status(HttpListenerRequest request) => (request.HttpMethod, request.Url?.AbsolutePath) switch
    {
        ("GET", "/healthz") => HttpStatusCode.OK,
        ("GET", "/readyz") => _isReady ? HttpStatusCode.OK : HttpStatusCode.ServiceUnavailable,
        _ => HttpStatusCode.NotFound,
    };
}
