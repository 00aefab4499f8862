using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Usage;

/// <summary>The query parameters of <c>GET /v1/usage</c>.</summary>
/// <param name="Start">The beginning of the first bucket.</param>
/// <param name="End">The end of the last one.</param>
internal sealed record UsageQuery(DateTimeOffset Start, DateTimeOffset End, TimeSpan Width, bool ByModel, bool ByEndpoint)
{
    private const int MaxBuckets = 400;

    private const string ModelName = "model", EndpointName = "endpoint";

    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static UsageQuery Read(IQueryCollection query, DateTimeOffset now)
    {
        query.RequireOnly("start_time", "end_time", "bucket_width", "group_by", "group_by[]");
        var width = query.Text("bucket_width") switch
        {
            null or "1d" => TimeSpan.FromDays(1),
            "1h" => TimeSpan.FromHours(1),
            var other => throw ApiException.InvalidRequest($"bucket_width must be 1h or 1d, not '{Excerpt.Of(other)}'", "bucket_width"),
        };
        var start = query.Time("start_time")
            ?? throw ApiException.InvalidRequest("start_time is required, in Unix seconds", "start_time", "missing_required_parameter");
        var end = query.Time("end_time") ?? now;
        if (end <= start)
            throw ApiException.InvalidRequest("end_time must be later than start_time", "end_time");
        var (first, last) = (Floor(start, width), Floor(end - TimeSpan.FromTicks(1), width) + width);
        if ((last - first) / width > MaxBuckets)
        {
            throw ApiException.InvalidRequest(
                $"The span has more than {MaxBuckets} buckets; choose a later start_time or a wider bucket_width", "start_time");
        }
        var groups = Groups(query);
        return new UsageQuery(first, last, width, groups.Contains(ModelName), groups.Contains(EndpointName));
    }

    /// <summary>The beginnings of all buckets.</summary>
    public IEnumerable<DateTimeOffset> Buckets()
    {
        for (var start = Start; start < End; start += Width)
            yield return start;
    }

    /// <summary>The beginning of the bucket of a time.</summary>
    public DateTimeOffset BucketOf(DateTimeOffset time) => Floor(time, Width);

    private static DateTimeOffset Floor(DateTimeOffset time, TimeSpan width) =>
        new(time.UtcTicks - (time.UtcTicks % width.Ticks), TimeSpan.Zero);

    private static string[] Groups(IQueryCollection query)
    {
        string[] groups =
        [
            .. query["group_by"].Concat(query["group_by[]"])
                .SelectMany(text => (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries)),
        ];
        return groups.FirstOrDefault(name => name is not (ModelName or EndpointName)) is { } unknown
            ? throw ApiException.InvalidRequest($"group_by must be some of model, endpoint, not '{Excerpt.Of(unknown)}'", "group_by")
            : groups;
    }
}
