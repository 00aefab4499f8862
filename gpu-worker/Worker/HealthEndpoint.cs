using System.Net;
using Microsoft.Extensions.Hosting;

namespace LLaDA.Batch.Worker;

/// <summary>Answers <c>GET /healthz</c> with 200 while the worker lives, for the probes of the platform that runs it.</summary>
public sealed class HealthEndpoint(WorkerOptions options) : BackgroundService
{
    private readonly HttpListener _listener = new();

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

    private static void Answer(HttpListenerContext context)
    {
        bool isProbe = context.Request is { HttpMethod: "GET", Url.AbsolutePath: "/healthz" };
        context.Response.StatusCode = (int)(isProbe ? HttpStatusCode.OK : HttpStatusCode.NotFound);
        context.Response.Close();
    }
}
