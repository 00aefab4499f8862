using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Functions.Tests.Webhooks;

/// <summary>A server that receives events and answers as it is told.</summary>
internal sealed class Receiver : IAsyncDisposable
{
    private readonly WebApplication _app;

    private Receiver(WebApplication app) => _app = app;

    public string Url => _app.Urls.Single() + "/hook";

    public ConcurrentQueue<(string Id, long Timestamp, string Signature, string Body)> Received { get; } = new();

    /// <summary>Called for every request; redirects lead back here.</summary>
    public Func<HttpStatusCode> Answer { get; set; } = () => HttpStatusCode.OK;

    public static async Task<Receiver> StartAsync()
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var receiver = new Receiver(builder.Build());
        receiver._app.Run(receiver.ReceiveAsync);
        await receiver._app.StartAsync();
        return receiver;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task ReceiveAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        string Header(string name) => context.Request.Headers[name].Single()!;
        Received.Enqueue(
            (Header("webhook-id"), long.Parse(Header("webhook-timestamp")), Header("webhook-signature"), await reader.ReadToEndAsync()));
        context.Response.StatusCode = (int)Answer();
        context.Response.Headers.Location = "/hook";
    }
}
