using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Secrets;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary><c>/v1/webhook_endpoints</c>.</summary>
internal static class WebhookEndpointsApi
{
    private const int DefaultLimit = 20, MaxLimit = 100, MaxEndpoints = 20;

    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapPost("/webhook_endpoints", CreateAsync);
        v1.MapGet("/webhook_endpoints", ListAsync);
        v1.MapGet("/webhook_endpoints/{id}", GetAsync);
        v1.MapDelete("/webhook_endpoints/{id}", DeleteAsync);
    }

    private static async Task<IResult> CreateAsync(
        HttpContext context, WebhookEndpoints endpoints, WebhookOptions options, SecretBox secrets, TimeProvider time)
    {
        var cancellation = context.RequestAborted;
        var body = await JsonBody.ReadAsync(context.Request, cancellation);
        var (url, events) = WebhookRequest.Read(body, WebhookEvent.Types, options, secrets);
        string key = context.NewKey(time);
        var others = await endpoints.Records.ListAsync(context.Tenant(), after: null, cancellation)
            .Where(other => other.RowKey != key).ToListAsync(cancellation);
        if (others.Count >= MaxEndpoints)
            throw ApiException.InvalidRequest($"You have {MaxEndpoints} endpoints; more are not allowed", code: "too_many_endpoints");
        if (others.Find(other => new Uri(other.Url) == new Uri(url)) is { } same)
            throw ApiException.Conflict($"{same.Id} has this url; delete it first, or use another url", "endpoint_exists");
        var (endpoint, secret) = await endpoints.AddAsync(context.Tenant(), key, url, events, cancellation);
        return Results.Wire(WebhookEndpointObject.From(endpoint, secret));
    }

    private static async Task<IResult> ListAsync(HttpContext context, WebhookEndpoints endpoints)
    {
        var query = ListQuery.Read(context.Request, WebhookEndpointRecord.IdPrefix, DefaultLimit, MaxLimit);
        return await ListPage.OfAsync(
            endpoints.Records, context.Tenant(), query, endpoint => WebhookEndpointObject.From(endpoint), endpoint => endpoint.Id,
            context.RequestAborted);
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, WebhookEndpoints endpoints) =>
        Results.Wire(WebhookEndpointObject.From(await FindAsync(id, context, endpoints)));

    /// <summary>Deletes an endpoint, and behind it its log. What an interruption leaves of the log goes after its time.</summary>
    private static async Task<IResult> DeleteAsync(
        string id, HttpContext context, WebhookEndpoints endpoints, WebhookDeliveries deliveries)
    {
        var endpoint = await FindAsync(id, context, endpoints);
        await endpoints.Records.DeleteAsync(endpoint.Tenant, endpoint.RowKey, context.RequestAborted);
        await deliveries.DeleteAsync(endpoint.Tenant, endpoint.Id, context.RequestAborted);
        return Results.Wire(new DeletedObject { Id = endpoint.Id, Object = "webhook_endpoint" });
    }

    public static async Task<WebhookEndpointRecord> FindAsync(string id, HttpContext context, WebhookEndpoints endpoints) =>
        await endpoints.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw ApiException.NotFound($"webhook endpoint: {id}");
}
