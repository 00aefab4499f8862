using System.Net;
using Microsoft.Extensions.Hosting;

namespace LLaDA.Batch.Worker;

/// <summary>Answers <c>GET /healthz</c> with 200 while the worker lives, for the probes of the platform that runs it.</summary>
public sealed class HealthEndpoint(WorkerOptions options) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.HealthPort is not { } port)
            return;
        using var listener = new HttpListener();
        listener.Prefixes.Add($"http://*:{port}/");
        listener.Start();
        await using var stop = stoppingToken.Register(listener.Abort);
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                Answer(await listener.GetContextAsync());
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
