using System.Net;
using System.Text.Json;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary><c>/v1/webhook_endpoints</c>.</summary>
internal static class WebhookEndpointsApi
{
    private const int DefaultLimit = 20, MaxLimit = 100, MaxEndpoints = 20, MaxUrlLength = 2_000;

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
        string url = Url(body, options);
        var events = Events(body);
        body.RequireNothingElse();
        if (!secrets.IsOffered)
        {
            throw ApiException.InvalidRequest(
                "Webhooks are not offered by this installation: it has no key to encrypt their secrets with", code: "not_offered");
        }
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
        var (page, hasMore) = await endpoints.Records.PageAsync(
            context.Tenant(), query.AfterKey, query.Limit, query.IsAscending, _ => true, context.RequestAborted);
        return Results.Wire(ListPage.Of(page.Select(endpoint => WebhookEndpointObject.From(endpoint)), endpoint => endpoint.Id, hasMore));
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, WebhookEndpoints endpoints) =>
        Results.Wire(WebhookEndpointObject.From(await FindAsync(id, context, endpoints)));

    private static async Task<IResult> DeleteAsync(string id, HttpContext context, WebhookEndpoints endpoints)
    {
        var endpoint = await FindAsync(id, context, endpoints);
        await endpoints.Records.DeleteAsync(endpoint.Tenant, endpoint.RowKey, context.RequestAborted);
        return Results.Wire(new DeletedObject { Id = endpoint.Id, Object = "webhook_endpoint" });
    }

    private static async Task<WebhookEndpointRecord> FindAsync(string id, HttpContext context, WebhookEndpoints endpoints) =>
        await endpoints.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw ApiException.NotFound($"webhook endpoint: {id}");

    /// <summary>Refuses at once what the text shows; the addresses behind a name are checked at every connection.</summary>
    private static string Url(JsonReader body, WebhookOptions options)
    {
        string text = body.Text("url");
        bool isGood = text.Length <= MaxUrlLength && Uri.TryCreate(text, UriKind.Absolute, out var url) && IsAllowed(url, options);
        return isGood
            ? text
            : throw body.Invalid("url", $"must begin with https:// and name a public host, in at most {MaxUrlLength} characters");
    }

    private static bool IsAllowed(Uri url, WebhookOptions options)
    {
        if (url.UserInfo.Length > 0 || url.Fragment.Length > 0)
            return false;
        if (options.AllowLocal)
            return url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp;
        return url.Scheme == Uri.UriSchemeHttps
            && !url.IsLoopback
            && (!IPAddress.TryParse(url.Host, out var address) || PublicAddresses.Contains(address));
    }

    private static IReadOnlyList<string> Events(JsonReader body)
    {
        if (body.Find("events") is not { } events)
            return WebhookEvent.Types;
        bool isGood = events.ValueKind == JsonValueKind.Array && events.GetArrayLength() > 0 && events.EnumerateArray().All(IsType);
        return isGood
            ? [.. events.EnumerateArray().Select(type => type.GetString()!).Distinct()]
            : throw body.Invalid("events", $"must be a list of some of {string.Join(", ", WebhookEvent.Types)}");
    }

    private static bool IsType(JsonElement type) =>
        type.ValueKind == JsonValueKind.String && WebhookEvent.Types.Contains(type.GetString()!);
}
