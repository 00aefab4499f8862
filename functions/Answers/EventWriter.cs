using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Wire;
using Microsoft.AspNetCore.Http.Features;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>Writes server-sent events; the response begins with the first one.</summary>
internal sealed class EventWriter(HttpContext context)
{
    public bool HasBegun => context.Response.HasStarted;

    /// <param name="data">Null is no event.</param>
    public Task WriteAsync(JsonObject? data) =>
        data is null ? Task.CompletedTask : WriteAsync(data.ToJsonString(WireJson.Options));

    public Task WriteAsync(ApiError error) => WriteAsync(JsonSerializer.Serialize(new ApiErrorBody(error), WireJson.Options));

    /// <summary>The event by which OpenAI's clients know the end.</summary>
    public Task EndAsync() => WriteAsync("[DONE]");

    private async Task WriteAsync(string data)
    {
        if (!HasBegun)
        {
            context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            context.Response.ContentType = "text/event-stream";
            context.Response.Headers.CacheControl = "no-cache";
            context.Response.Headers["X-Accel-Buffering"] = "no";   // asks proxies to pass events on at once
        }
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"data: {data}\n\n"), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }
}
