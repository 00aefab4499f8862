using LLaDA.Batch.Functions.Http;

namespace LLaDA.Batch.Functions.Webhooks;

/// <summary><c>/v1/webhook_endpoints/{id}/test</c> and <c>/deliveries</c>.</summary>
internal static class WebhookDeliveriesApi
{
    private const int DefaultLimit = 20, MaxLimit = 100;

    private static readonly TimeSpan s_untilPlacesAreFree = TimeSpan.FromSeconds(10);

    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapPost("/webhook_endpoints/{id}/test", TestAsync);
        v1.MapGet("/webhook_endpoints/{id}/deliveries", ListAsync);
    }

    /// <summary>Makes one attempt now, whatever events the endpoint wants; it is not repeated.</summary>
    private static async Task<IResult> TestAsync(
        string id,
        HttpContext context,
        WebhookEndpoints endpoints,
        WebhookDelivery delivery,
        DeliveryPlaces places,
        WebhookDeliveries deliveries,
        TimeProvider time)
    {
        var cancellation = context.RequestAborted;
        var body = await JsonBody.ReadOptionalAsync(context.Request, cancellation);
        body.RequireNothingElse();
        var endpoint = await WebhookEndpointsApi.FindAsync(id, context, endpoints);
        using var place = places.TryEnter(endpoint.Tenant) ?? throw ApiException.TooMany(
            "Endpoints of yours took long to answer, and as many calls as they may take are in work; try again later",
            "rate_limit_exceeded",
            s_untilPlacesAreFree);
        var test = WebhookEvent.TestOf(endpoint, context.NewKey(time), time.GetUtcNow());
        var target = endpoints.TargetOf(endpoint);
        var outcome = await delivery.TestAsync(target, test, cancellation);
        var counted = await deliveries.CountAsync(target, test, outcome, delay: null, cancellation);
        return Results.Wire(WebhookDeliveryObject.From(counted));
    }

    private static async Task<IResult> ListAsync(
        string id, HttpContext context, WebhookEndpoints endpoints, WebhookDeliveries deliveries)
    {
        var query = ListQuery.Read(context.Request, WebhookDeliveryRecord.IdPrefix, DefaultLimit, MaxLimit);
        var endpoint = await WebhookEndpointsApi.FindAsync(id, context, endpoints);
        return await ListPage.OfAsync(
            deliveries.Records, WebhookDeliveryRecord.Partition(endpoint.Tenant, endpoint.Id), query, WebhookDeliveryObject.From,
            delivery => delivery.Id, context.RequestAborted);
    }
}
