using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using LLaDA.Batch.Functions.Files;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary>An endpoint on the wire.</summary>
/// <param name="Secret">Told at the creation and never again.</param>
public sealed record WebhookEndpointObject(
    string Id, string Url, IReadOnlyList<string> Events, long CreatedAt, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Secret = null)
{
    public string Object => "webhook_endpoint";

    public static WebhookEndpointObject From(WebhookEndpointRecord endpoint, string? secret = null) =>
        new(endpoint.Id, endpoint.Url, endpoint.Events.Split(','), endpoint.CreatedAt.ToUnixTimeSeconds(), secret);
}

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

    private static async Task<IResult> CreateAsync(HttpContext context, WebhookEndpoints endpoints, WebhookOptions options, SecretBox secrets)
    {
        var cancellation = context.RequestAborted;
        var body = await JsonBody.ReadAsync(context.Request, cancellation);
        string url = Url(JsonBody.Text(body, "url"), options);
        var events = Events(body);
        if (!secrets.IsOffered)
            throw ApiException.InvalidRequest("Webhooks are not offered by this installation: it has no key to keep their secrets with", code: "not_offered");
        if (await endpoints.Records.ListAsync(context.Tenant(), after: null, cancellation).CountAsync(cancellation) >= MaxEndpoints)
            throw ApiException.InvalidRequest($"You have {MaxEndpoints} endpoints, and more are not allowed", code: "too_many_endpoints");
        var (endpoint, secret) = await endpoints.AddAsync(context.Tenant(), url, events, cancellation);
        return Json(WebhookEndpointObject.From(endpoint, secret));
    }

    private static async Task<IResult> ListAsync(HttpContext context, WebhookEndpoints endpoints)
    {
        var query = ListQuery.Read(context.Request, WebhookEndpointRecord.IdPrefix, DefaultLimit, MaxLimit);
        var (page, hasMore) = await endpoints.Records.PageAsync(context.Tenant(), query.AfterKey, query.Limit, query.IsAscending, _ => true, context.RequestAborted);
        return Json(new ListPage<WebhookEndpointObject>([.. page.Select(endpoint => WebhookEndpointObject.From(endpoint))], page.FirstOrDefault()?.Id, page.LastOrDefault()?.Id, hasMore));
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, WebhookEndpoints endpoints) => Json(WebhookEndpointObject.From(await FindAsync(id, context, endpoints)));

    private static async Task<IResult> DeleteAsync(string id, HttpContext context, WebhookEndpoints endpoints)
    {
        var endpoint = await FindAsync(id, context, endpoints);
        await endpoints.Records.DeleteAsync(endpoint.Tenant, endpoint.RowKey, context.RequestAborted);
        return Json(new DeletedObject(endpoint.Id, "webhook_endpoint"));
    }

    private static async Task<WebhookEndpointRecord> FindAsync(string id, HttpContext context, WebhookEndpoints endpoints) =>
        await endpoints.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw ApiException.NotFound($"webhook endpoint: {id}");

    /// <summary>Refuses at once what can be seen from the text; where a name leads is checked at every connection.</summary>
    private static string Url(string text, WebhookOptions options)
    {
        bool isGood = text.Length <= MaxUrlLength && Uri.TryCreate(text, UriKind.Absolute, out var url) && url.UserInfo.Length == 0 && url.Fragment.Length == 0
            && (url.Scheme == Uri.UriSchemeHttps || (options.AllowLocal && url.Scheme == Uri.UriSchemeHttp))
            && (options.AllowLocal || (!url.IsLoopback && (!IPAddress.TryParse(url.Host, out var address) || PublicAddresses.Contains(address))));
        return isGood ? text : throw ApiException.InvalidRequest($"url must begin with https:// and name a public host, in at most {MaxUrlLength} characters", "url");
    }

    private static IReadOnlyList<string> Events(JsonElement body)
    {
        if (!body.TryGetProperty("events", out var events) || events.ValueKind == JsonValueKind.Null)
            return WebhookEvent.Types;
        bool isGood = events.ValueKind == JsonValueKind.Array && events.GetArrayLength() > 0
            && events.EnumerateArray().All(type => type.ValueKind == JsonValueKind.String && WebhookEvent.Types.Contains(type.GetString()!));
        return isGood
            ? [.. events.EnumerateArray().Select(type => type.GetString()!).Distinct()]
            : throw ApiException.InvalidRequest($"events must be a list of some of {string.Join(", ", WebhookEvent.Types)}", "events");
    }

    private static IResult Json<T>(T value) => Results.Json(value, WireJson.Options);
}
