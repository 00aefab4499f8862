using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Batches.Checks;
using LLaDA.Batch.Functions.Batches.Lines;
using LLaDA.Batch.Functions.Files;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Idempotency;
using LLaDA.Batch.Functions.Models;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Functions.Page;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Functions.Uploads;
using LLaDA.Batch.Functions.Usage;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Hosting;

/// <summary>The whole REST API as one delegate, which every host calls. <c>/openai/v1/*</c> is an alias of <c>/v1/*</c>.</summary>
public static class RestApi
{
    /// <summary>Paths that need no key.</summary>
    private static readonly string?[] s_keyless = [HealthApi.LivePath, HealthApi.ReadyPath, ApiDescription.Path];

    public static RequestDelegate Build(IServiceProvider services)
    {
        var app = new ApplicationBuilder(services);
        app.UseMiddleware<ErrorEnvelope>();
        app.Use(WithoutAlias);
        app.Use(Authenticated);
        app.Use(Uncompressed);
        app.Use(RequestSize.Limit);
        app.UseMiddleware<IdempotentRequests>();
        app.Use(HeadRequests.RouteAsGet);
        app.UseRouting();
        app.Use(HeadRequests.Restore);
        app.UseEndpoints(endpoints =>
        {
            HealthApi.Map(endpoints);
            ApiDescription.Map(endpoints);
            PageFiles.Map(endpoints);
            ApiReference.Map(endpoints);
            var v1 = endpoints.MapGroup("/v1");
            FilesApi.Map(v1);
            UploadsApi.Map(v1);
            UsageApi.Map(v1);
            BatchesApi.Map(v1);
            BatchCreationApi.Map(v1);
            FileCheckApi.Map(v1);
            BatchPartsApi.Map(v1);
            AnswersApi.Map(v1);
            BatchResultsApi.Map(v1);
            BatchRetryApi.Map(v1);
            ModelsApi.Map(v1);
            WebhookEndpointsApi.Map(v1);
            WebhookDeliveriesApi.Map(v1);
            FineTuningApi.Map(v1);
            SchedulesApi.Map(v1);
        });
        app.Run(context => throw NoSuchEndpoint(context.Request));
        return app.Build();
    }

    private static Task WithoutAlias(HttpContext context, RequestDelegate next)
    {
        if (context.Request.Path.StartsWithSegments("/openai/v1", StringComparison.Ordinal, out var rest))
            context.Request.Path = "/v1" + rest;
        return next(context);
    }

    /// <summary>Comes before routing, so that without a key a client learns nothing about what exists.</summary>
    private static async Task Authenticated(HttpContext context, RequestDelegate next)
    {
        if (!s_keyless.Contains(context.Request.Path.Value) && !PageFiles.Owns(context.Request.Path)
            && !ApiReference.Owns(context.Request.Path))
        {
            var keys = context.RequestServices.GetRequiredService<ApiKeys>();
            var owner = KeyOf(context.Request) is { } key ? await keys.FindAsync(key, context.RequestAborted) : null;
            context.SetKey(owner ?? throw ApiException.Unauthorized());
            await context.RequestServices.GetRequiredService<RequestRate>().CountAsync(context, owner.Id);
        }
        await next(context);
    }

    /// <summary>No body is unpacked, so none can grow beyond the limits.</summary>
    private static Task Uncompressed(HttpContext context, RequestDelegate next)
    {
        var encodings = context.Request.Headers.ContentEncoding;
        if (encodings.All(encoding => string.Equals(encoding, "identity", StringComparison.OrdinalIgnoreCase)))
            return next(context);
        var error = new ApiError("Send the body uncompressed", "invalid_request_error", "content-encoding", "unsupported_encoding");
        throw new ApiException(StatusCodes.Status415UnsupportedMediaType, error);
    }

    private static string? KeyOf(HttpRequest request)
    {
        const string scheme = "Bearer ";
        string? authorization = request.Headers.Authorization;
        return authorization?.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) == true
            ? authorization[scheme.Length..].Trim()
            : request.Headers["api-key"].FirstOrDefault();
    }

    private static ApiException NoSuchEndpoint(HttpRequest request) => ApiException.NotFound(
        $"endpoint: {request.Method} {request.Path.Value}", $"GET {ApiDescription.Path} describes all endpoints");
}
