using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary><c>/v1/batches</c>.</summary>
internal static class BatchesApi
{
    private const int DefaultLimit = 20, MaxLimit = 100;

    /// <summary>The time between polls of a running batch that clients are asked to keep; OpenAI's .NET client does.</summary>
    private const int PollSeconds = 1;

    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapGet("/batches", ListAsync);
        v1.MapGet("/batches/{id}", GetAsync);
        v1.MapDelete("/batches/{id}", DeleteAsync);
        v1.MapPost("/batches/{id}/cancel", CancelAsync);
    }

    public static async Task<BatchRecord> FindAsync(string id, HttpContext context, BatchStore batches) =>
        await batches.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw ApiException.NotFound($"batch: {id}");

    private static async Task<IResult> ListAsync(HttpContext context, BatchStore batches, BatchView view)
    {
        var query = ListQuery.Read(context.Request, BatchRecord.IdPrefix, DefaultLimit, MaxLimit);
        var filter = BatchFilter.Read(context.Request);
        var (page, hasMore) = await batches.Records.PageAsync(
            context.Tenant(), query.AfterKey, query.Limit, query.IsAscending, filter.Matches, context.RequestAborted);
        var objects = await view.OfAsync(page, context.RequestAborted);
        return Results.Wire(ListPage.Of(objects, batch => batch.Id, hasMore));
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, BatchStore batches, BatchView view)
    {
        var batch = await FindAsync(id, context, batches);
        if (!batch.IsTerminal)
            context.Response.Headers.RetryAfter = PollSeconds.ToString();
        return Results.Wire(await view.OfAsync(batch, context.RequestAborted));
    }

    /// <summary>
    /// Deletes an ended batch with the remains of its work. Its input and its results are files of their own. The record goes last, so an
    /// interrupted call can be repeated; without a repetition the timer of retention deletes the rest.
    /// </summary>
    private static async Task<IResult> DeleteAsync(
        string id, HttpContext context, BatchStore batches, WebhookDeliveries deliveries, StorageAccount storage)
    {
        var batch = await FindAsync(id, context, batches);
        if (!batch.IsTerminal)
        {
            throw ApiException.Conflict(
                $"The batch is {batch.Status.WireName()}; cancel it and wait for its end before you delete it", "not_ended");
        }
        await new BatchBlobs(storage, batch).DeleteAsync(context.RequestAborted);
        if (batch.WebhookUrl is not null)
            await deliveries.DeleteAsync(batch.Tenant, batch.Id, context.RequestAborted);
        await batches.Records.DeleteAsync(batch.Tenant, batch.RowKey, context.RequestAborted);
        return Results.Wire(new DeletedObject { Id = batch.Id, Object = "batch" });
    }

    private static async Task<IResult> CancelAsync(
        string id, HttpContext context, BatchStore batches, BatchCancellation cancellation, BatchView view)
    {
        var updated = await cancellation.RunAsync(await FindAsync(id, context, batches), context.RequestAborted);
        if (updated is not { Status: BatchStatus.Cancelling })
            throw ApiException.Conflict($"The batch is {updated?.Status.WireName() ?? "gone"} and cannot be cancelled", "not_cancellable");
        return Results.Wire(await view.OfAsync(updated, context.RequestAborted));
    }
}
