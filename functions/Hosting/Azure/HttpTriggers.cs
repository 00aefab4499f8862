using Microsoft.Azure.Functions.Worker;

namespace LLaDA.Batch.Functions.Hosting.Azure;

/// <summary>The routes of the REST API, which checks its own keys. Their prefix is empty (host.json).</summary>
/// <remarks>The host answers 404 to a method that a trigger does not name. Routes without a key only read.</remarks>
internal sealed class HttpTriggers(RequestDelegate api)
{
    private const AuthorizationLevel None = AuthorizationLevel.Anonymous;

    [Function("v1")]
    public Task<IResult> V1Async([HttpTrigger(None, "get", "head", "post", "delete", Route = "v1/{*path}")] HttpRequest request) =>
        AnswerAsync(request);

    [Function("openai")]
    public Task<IResult> OpenAIAsync([HttpTrigger(None, "get", "head", "post", "delete", Route = "openai/{*path}")] HttpRequest request) =>
        AnswerAsync(request);

    [Function("healthz")]
    public Task<IResult> HealthAsync([HttpTrigger(None, "get", "head", Route = "healthz")] HttpRequest request) => AnswerAsync(request);

    [Function("readyz")]
    public Task<IResult> ReadinessAsync([HttpTrigger(None, "get", "head", Route = "readyz")] HttpRequest request) => AnswerAsync(request);

    [Function("openapi")]
    public Task<IResult> DescriptionAsync([HttpTrigger(None, "get", "head", Route = "openapi/v1.json")] HttpRequest request) =>
        AnswerAsync(request);

    [Function("page")]
    public Task<IResult> PageAsync([HttpTrigger(None, "get", "head", Route = "{ignored:maxlength(0)?}")] HttpRequest request) =>
        AnswerAsync(request);

    [Function("assets")]
    public Task<IResult> AssetsAsync([HttpTrigger(None, "get", "head", Route = "assets/{name}")] HttpRequest request) =>
        AnswerAsync(request);

    [Function("docs")]
    public Task<IResult> ReferenceAsync([HttpTrigger(None, "get", "head", Route = "docs/{*path}")] HttpRequest request) =>
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
