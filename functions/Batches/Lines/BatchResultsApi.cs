using System.Text.Json;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches.Lines;

/// <summary>
/// <c>/v1/batches/{id}/results</c>: each line of the input with its request, its outcome and what retries made of it, as JSON Lines in the
/// order of the input, while the batch runs and after.
/// </summary>
internal static class BatchResultsApi
{
    private const int MaxResults = 100_000;

    private static readonly byte[] s_lineEnd = "\n"u8.ToArray();

    public static void Map(IEndpointRouteBuilder v1) => v1.MapGet("/batches/{id}/results", ReadAsync);

    private static async Task<IResult> ReadAsync(string id, HttpContext context, BatchStore batches, LineResults results)
    {
        var stop = context.RequestAborted;
        var query = context.Request.Query;
        query.RequireOnly("status", "search", "limit", "after");
        var statuses = query.Choices<LineStatus>("status");
        string? search = query.Text("search");
        int limit = (int)(query.Number("limit", 1, MaxResults) ?? int.MaxValue);
        int after = (int)(query.Number("after", 0, int.MaxValue) ?? 0);
        var batch = await BatchesApi.FindAsync(id, context, batches);

        List<(BatchRecord Batch, IAsyncEnumerable<LineResult> Lines)> retries = [];
        foreach (var retry in await batches.ListRetriesAsync(batch, stop))
        {
            try
            {
                retries.Add((retry, await results.OpenAsync(retry, after: 0, stop)));
            }
            catch (ApiException)
            {
                // Its lines are gone; those of this batch are not.
            }
        }
        // The lines of a retry are found by counting along, so its parent is read from the first line on.
        var lines = await results.OpenAsync(batch, retries.Count == 0 ? after : 0, stop);
        return Results.Stream(WriteAsync, "application/jsonl");

        async Task WriteAsync(Stream body)
        {
            int written = 0;
            await using var retried = new LineRetries(retries, stop);
            await foreach (var line in lines)
            {
                var again = await retried.OfAsync(line);
                if (line.Line <= after || statuses?.Contains(line.Status) == false || (search is not null && !line.Contains(search)))
                    continue;
                await JsonSerializer.SerializeAsync(body, BatchResultObject.From(line, again), WireJson.Options, stop);
                await body.WriteAsync(s_lineEnd, stop);
                if (++written == limit)
                    break;
            }
        }
    }
}
