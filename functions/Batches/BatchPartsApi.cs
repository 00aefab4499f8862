using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// <c>/v1/batches/{id}/parts</c>: results as they come. The lines are those of the output and error file, in the order in which they were
/// finished; all parts together hold every line exactly once. Parts are kept for a day after the end of the batch.
/// </summary>
internal static class BatchPartsApi
{
    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapGet("/batches/{id}/parts", ListAsync);
        v1.MapGet("/batches/{id}/parts/{index:int}/content", ContentAsync);
    }

    /// <summary>All parts on one page; they have numbers and no ids.</summary>
    private static async Task<IResult> ListAsync(string id, HttpContext context, BatchStore batches, StorageAccount storage)
    {
        var batch = await BatchesApi.FindAsync(id, context, batches);
        var parts = await new BatchBlobs(storage, batch).Parts.ListAsync(context.RequestAborted);
        BatchPartObject[] objects = [.. parts.OrderBy(part => part.Key).Select(part => BatchPartObject.From(part.Key, part.Value))];
        return Results.Wire(new ListPage<BatchPartObject>(objects, FirstId: null, LastId: null, HasMore: false));
    }

    private static async Task<IResult> ContentAsync(string id, int index, HttpContext context, BatchStore batches, StorageAccount storage)
    {
        var blobs = new BatchBlobs(storage, await BatchesApi.FindAsync(id, context, batches));
        if (!await blobs.Parts.ExistsAsync(index, context.RequestAborted))
            throw ApiException.NotFound($"part of {id}, or not yet: {index}");
        var lines = await blobs.Parts.ReadAsync(index, context.RequestAborted);
        return Results.Text(string.Concat(lines.Select(line => line.Json + "\n")), "application/jsonl");
    }
}
