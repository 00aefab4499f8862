using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using Microsoft.AspNetCore.WebUtilities;

namespace LLaDA.Batch.Functions.Http;

/// <summary>Gives every answer a request id, and every failure OpenAI's envelope. No browser may guess the type of an answer.</summary>
public sealed partial class ErrorEnvelope(RequestDelegate next, ILogger<ErrorEnvelope> logger)
{
    /// <summary>Storage that fails, and a disk that is full, take longer to come back than another failure.</summary>
    private const int RetryAfterSeconds = 2, StorageRetryAfterSeconds = 5;

    public async Task InvokeAsync(HttpContext context)
    {
        string requestId = $"req_{Guid.NewGuid():N}";
        context.Response.Headers["x-request-id"] = requestId;
        context.Response.Headers.XContentTypeOptions = "nosniff";
        context.TraceIdentifier = requestId;    // the logs of the host use it
        Activity.Current?.SetTag(Telemetry.RequestId, requestId);
        try
        {
            using (logger.BeginScope("{RequestId}", requestId))
                await next(context);
            if (IsWithoutBody(context.Response))
                await WriteAsync(context, context.Response.StatusCode, ErrorOf(context.Response.StatusCode));
        }
        catch (ApiException exception)
        {
            if (exception.RetryAfter is { } wait)
                context.Response.Headers.RetryAfter = Seconds(Math.Ceiling(wait.TotalSeconds));
            if (exception.ShouldRetry is { } shouldRetry)
                context.Response.Headers["x-should-retry"] = shouldRetry ? "true" : "false";
            await WriteAsync(context, exception.Status, exception.Error);
        }
        catch (BadHttpRequestException exception)
        {
            var error = new ApiError(exception.Message, "invalid_request_error", Param: null, Code: null);
            await WriteAsync(context, exception.StatusCode, error);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone.
        }
        catch (Exception exception) when (StorageFault.Is(exception))
        {
            LogFailed(logger, requestId, context.Request.Method, context.Request.Path, exception);
            context.Response.Headers.RetryAfter = Seconds(StorageRetryAfterSeconds);
            string message = $"The service's storage does not answer or has no room; send the request again. This one was {requestId}";
            var error = new ApiError(message, "server_error", Param: null, "storage_unavailable");
            await WriteAsync(context, StatusCodes.Status503ServiceUnavailable, error);
        }
        catch (Exception exception)
        {
            LogFailed(logger, requestId, context.Request.Method, context.Request.Path, exception);
            // Without it OpenAI's .NET client retries at once.
            context.Response.Headers.RetryAfter = Seconds(RetryAfterSeconds);
            string message = $"The server failed; quote {requestId} when you report it";
            var error = new ApiError(message, "server_error", Param: null, "server_error");
            await WriteAsync(context, StatusCodes.Status500InternalServerError, error);
        }
    }

    /// <summary>An answer that names a range beyond the file has the type of the file already, and no body.</summary>
    private static bool IsWithoutBody(HttpResponse response) =>
        !response.HasStarted
        && (response is { StatusCode: >= 400, ContentType: null } || response.StatusCode == StatusCodes.Status416RangeNotSatisfiable);

    private static ApiError ErrorOf(int status) => status == StatusCodes.Status416RangeNotSatisfiable
        ? new ApiError(
            "The range lies beyond the end of the file; Content-Range names its size", "invalid_request_error", "range", "invalid_range")
        : new ApiError(ReasonPhrases.GetReasonPhrase(status), "invalid_request_error", Param: null, Code: null);

    private static async Task WriteAsync(HttpContext context, int status, ApiError error)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = null;
        context.Response.Headers.ContentDisposition = default;
        await JsonSerializer.SerializeAsync(context.Response.Body, new ApiErrorBody(error), WireJson.Options, context.RequestAborted);
    }

    private static string Seconds(double seconds) => seconds.ToString("F0", CultureInfo.InvariantCulture);

    [LoggerMessage(EventId = 101, Level = LogLevel.Error, Message = "Request {RequestId} failed: {Method} {Path}")]
    private static partial void LogFailed(ILogger logger, string requestId, string method, string path, Exception failure);
}
