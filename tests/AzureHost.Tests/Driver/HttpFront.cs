using LLaDA.Batch.AzureHost.Tests.Driver.Protocol;
using Microsoft.AspNetCore.Http.Features;

namespace LLaDA.Batch.AzureHost.Tests.Driver;

/// <summary>
/// Takes HTTP requests as the host does: limits them, reads a body of declared length into a string, forwards the request to the worker and
/// sends the invocation beside it.
/// </summary>
/// <param name="invoke">Runs the function of a trigger under an invocation id.</param>
/// <param name="log">The host's own log.</param>
internal sealed class HttpFront(
    HostSettings settings,
    long maxRequestBytes,
    Uri worker,
    IReadOnlyList<HostedFunction> functions,
    Func<HostedFunction, string, TypedData, Task<StatusResult>> invoke,
    Action<string> log) : IDisposable
{
    private const string InvocationHeader = "x-ms-invocation-id";

    private static readonly string[] s_hopHeaders = ["Connection", "Host", "Transfer-Encoding"];

    private readonly HttpClient _client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false });
    private readonly SemaphoreSlim _concurrency = new(settings.MaxConcurrentRequests);

    public async Task HandleAsync(HttpContext context)
    {
        context.Features.GetRequiredFeature<IHttpMaxRequestBodySizeFeature>().MaxRequestBodySize = maxRequestBytes;
        await _concurrency.WaitAsync(context.RequestAborted);
        try
        {
            if (functions.FirstOrDefault(function => function.Matches(context.Request)) is not { } function)
            {
                context.Response.StatusCode = StatusCodes.Status404NotFound;
                return;
            }
            await ReadBindingDataAsync(context.Request);
            string id = Guid.NewGuid().ToString();
            var forwarding = ForwardAsync(context, id);
            var result = await invoke(function, id, new TypedData { Http = new RpcHttp() });
            await forwarding;
            if (result.Status != StatusResult.Types.Status.Success)
                throw new InvalidOperationException($"{function.Name} failed: {result.Exception?.Message}");
        }
        catch (Exception exception) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            log($"{context.Request.Method} {context.Request.Path} failed: {exception}");
            // The host answers its own failures so, those of its limits included, and without a body.
            context.Response.Clear();
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
        }
        finally
        {
            _concurrency.Release();
        }
    }

    /// <summary>Whatever the method and the content type are.</summary>
    private static async Task ReadBindingDataAsync(HttpRequest request)
    {
        if (request.ContentLength is null or 0)
            return;
        request.EnableBuffering();
        using var reader = new StreamReader(request.Body, leaveOpen: true);
        await reader.ReadToEndAsync();
        request.Body.Position = 0;
    }

    private async Task ForwardAsync(HttpContext context, string invocationId)
    {
        using var forwarded = new HttpRequestMessage(
            new HttpMethod(context.Request.Method), new Uri(worker, context.Request.Path.ToUriComponent() + context.Request.QueryString));
        if (context.Request.ContentLength > 0 || context.Request.Headers.TransferEncoding.Count > 0)
            forwarded.Content = new StreamContent(context.Request.Body);
        foreach (var (name, values) in context.Request.Headers.Where(header => !s_hopHeaders.Contains(header.Key)))
        {
            if (!forwarded.Headers.TryAddWithoutValidation(name, values.AsEnumerable()))
                forwarded.Content?.Headers.TryAddWithoutValidation(name, values.AsEnumerable());
        }
        forwarded.Headers.Add(InvocationHeader, invocationId);

        using var response = await _client.SendAsync(forwarded, HttpCompletionOption.ResponseHeadersRead, context.RequestAborted);
        context.Response.StatusCode = (int)response.StatusCode;
        var headers = response.Headers.Concat(response.Content.Headers);
        foreach (var (name, values) in headers.Where(header => !s_hopHeaders.Contains(header.Key)))
            context.Response.Headers[name] = values.ToArray();
        await response.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
    }

    public void Dispose()
    {
        _client.Dispose();
        _concurrency.Dispose();
    }
}
