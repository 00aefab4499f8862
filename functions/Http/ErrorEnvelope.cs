using System.Diagnostics;
using System.Text.Json;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Wire;
using Microsoft.AspNetCore.WebUtilities;

namespace LLaDA.Batch.Functions.Http;

/// <summary>Gives every answer a request id and every failure OpenAI's envelope.</summary>
public sealed partial class ErrorEnvelope(RequestDelegate next, ILogger<ErrorEnvelope> logger)
{
    private const int RetryAfterSeconds = 2;

    public async Task InvokeAsync(HttpContext context)
    {
        string requestId = $"req_{Guid.NewGuid():N}";
        context.Response.Headers["x-request-id"] = requestId;
        context.TraceIdentifier = requestId;    // what the logs of the host call it
        Activity.Current?.SetTag(Telemetry.RequestId, requestId);
        try
        {
            using (logger.BeginScope("{RequestId}", requestId))
                await next(context);
            if (context.Response is { StatusCode: >= 400, HasStarted: false, ContentType: null })
                await WriteAsync(context, context.Response.StatusCode, new ApiError(ReasonPhrases.GetReasonPhrase(context.Response.StatusCode), "invalid_request_error", Param: null, Code: null));
        }
        catch (ApiException exception)
        {
            if (exception.RetryAfter is { } wait)
                context.Response.Headers.RetryAfter = ((int)Math.Ceiling(wait.TotalSeconds)).ToString();
            if (exception.ShouldRetry is { } shouldRetry)
                context.Response.Headers["x-should-retry"] = shouldRetry ? "true" : "false";
            await WriteAsync(context, exception.Status, exception.Error);
        }
        catch (BadHttpRequestException exception)
        {
            await WriteAsync(context, exception.StatusCode, new ApiError(exception.Message, "invalid_request_error", Param: null, Code: null));
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Nobody is there to be told.
        }
        catch (Exception exception)
        {
            LogFailed(logger, requestId, context.Request.Method, context.Request.Path, exception);
            // OpenAI's .NET client retries at once where it is not told to wait.
            context.Response.Headers.RetryAfter = RetryAfterSeconds.ToString();
            await WriteAsync(context, StatusCodes.Status500InternalServerError, new ApiError($"The server failed; say {requestId} when you report it", "server_error", Param: null, "server_error"));
        }
    }

    private static async Task WriteAsync(HttpContext context, int status, ApiError error)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        await JsonSerializer.SerializeAsync(context.Response.Body, new ApiErrorBody(error), WireJson.Options, context.RequestAborted);
    }

    [LoggerMessage(EventId = 101, Level = LogLevel.Error, Message = "Request {RequestId} failed: {Method} {Path}")]
    private static partial void LogFailed(ILogger logger, string requestId, string method, string path, Exception failure);
}
