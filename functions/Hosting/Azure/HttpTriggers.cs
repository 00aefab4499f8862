using Microsoft.Azure.Functions.Worker;

namespace LLaDA.Batch.Functions.Hosting.Azure;

/// <summary>The routes of the REST API, which checks its own keys. Their prefix is empty (host.json).</summary>
internal sealed class HttpTriggers(RequestDelegate api)
{
    [Function("v1")]
    public Task<IResult> V1Async([HttpTrigger(AuthorizationLevel.Anonymous, Route = "v1/{*path}")] HttpRequest request) =>
        AnswerAsync(request);

    [Function("openai")]
    public Task<IResult> OpenAIAsync([HttpTrigger(AuthorizationLevel.Anonymous, Route = "openai/{*path}")] HttpRequest request) =>
        AnswerAsync(request);

    [Function("healthz")]
    public Task<IResult> HealthAsync([HttpTrigger(AuthorizationLevel.Anonymous, Route = "healthz")] HttpRequest request) =>
        AnswerAsync(request);

    [Function("readyz")]
    public Task<IResult> ReadinessAsync([HttpTrigger(AuthorizationLevel.Anonymous, Route = "readyz")] HttpRequest request) =>
        AnswerAsync(request);

    [Function("openapi")]
    public Task<IResult> DescriptionAsync([HttpTrigger(AuthorizationLevel.Anonymous, Route = "openapi/v1.json")] HttpRequest request) =>
        AnswerAsync(request);

    /// <remarks>The route that led here is cleared: with an endpoint already chosen, the API's own routing would do nothing.</remarks>
    private async Task<IResult> AnswerAsync(HttpRequest request)
    {
        request.HttpContext.SetEndpoint(endpoint: null);
        request.RouteValues.Clear();
        await api(request.HttpContext);
        return Results.Empty;
    }
}
