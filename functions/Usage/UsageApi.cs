using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Usage;

namespace LLaDA.Batch.Functions.Usage;

/// <summary><c>/v1/usage</c>: what the batches and the answers at once of a tenant have used, by the time of their end.</summary>
internal static class UsageApi
{
    public static void Map(IEndpointRouteBuilder v1) => v1.MapGet("/usage", GetAsync);

    private static async Task<IResult> GetAsync(HttpContext context, UsageStore usage, TimeProvider time)
    {
        var query = UsageQuery.Read(context.Request.Query, time.GetUtcNow());
        Dictionary<(DateTimeOffset Bucket, string? Model, string? Endpoint), List<UsageRecord>> groups = [];
        await foreach (var row in usage.ListAsync(context.Tenant(), query.Start, query.End, context.RequestAborted))
        {
            var key = (query.BucketOf(row.EndedAt), query.ByModel ? row.Model : null, query.ByEndpoint ? row.Endpoint : null);
            if (!groups.TryGetValue(key, out var rows))
                groups[key] = rows = [];
            rows.Add(row);
        }
        var buckets = groups.ToLookup(group => group.Key.Bucket);
        return Results.Wire(new UsageObject
        {
            Data =
            [
                .. query.Buckets().Select(start => new UsageBucket
                {
                    StartTime = start.ToUnixTimeSeconds(),
                    EndTime = (start + query.Width).ToUnixTimeSeconds(),
                    Results =
                    [
                        .. buckets[start].OrderBy(group => group.Key.Model, StringComparer.Ordinal)
                            .ThenBy(group => group.Key.Endpoint, StringComparer.Ordinal)
                            .Select(group => UsageResult.Of(group.Value, group.Key.Model, group.Key.Endpoint)),
                    ],
                }),
            ],
        });
    }
}
