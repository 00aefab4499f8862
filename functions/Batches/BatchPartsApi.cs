using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>A finished part of a batch.</summary>
/// <param name="Index">Its number; a part never changes once it is there.</param>
public sealed record BatchPartObject(int Index, int Completed, int Failed, BatchUsage Usage)
{
    public string Object => "batch.part";
}

/// <summary>
/// <c>/v1/batches/{id}/parts</c>: results as they come. The lines are those of the output and error file, in whatever order they were done; all parts together
/// hold every line exactly once. They are kept for a day after the end of the batch.
/// </summary>
internal static class BatchPartsApi
{
    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapGet("/batches/{id}/parts", ListAsync);
        v1.MapGet("/batches/{id}/parts/{index:int}/content", ContentAsync);
    }

    private static async Task<IResult> ListAsync(string id, HttpContext context, BatchStore batches, StorageAccount storage)
    {
        var batch = await BatchesApi.FindAsync(id, context, batches);
        var parts = await new BatchBlobs(storage, batch).ListPartsAsync(context.RequestAborted);
        var objects = parts.OrderBy(part => part.Key)
            .Select(part => new BatchPartObject(part.Key, part.Value.Completed, part.Value.Failed, new BatchUsage(part.Value.PromptTokens, part.Value.CompletionTokens))).ToList();
        return Results.Json(new ListPage<BatchPartObject>(objects, FirstId: null, LastId: null, HasMore: false), WireJson.Options);
    }

    private static async Task<IResult> ContentAsync(string id, int index, HttpContext context, BatchStore batches, StorageAccount storage)
    {
        var blobs = new BatchBlobs(storage, await BatchesApi.FindAsync(id, context, batches));
        if (!await blobs.HasPartAsync(index, context.RequestAborted))
            throw ApiException.NotFound($"part of {id}, or not yet: {index}");
        var lines = await blobs.ReadPartAsync(index, context.RequestAborted);
        return Results.Text(string.Concat(lines.Select(line => line.Json + "\n")), "application/jsonl");
    }
}
