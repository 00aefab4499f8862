using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>The filters of <c>GET /v1/batches</c>; a batch is listed when it matches all of them.</summary>
internal sealed class BatchFilter
{
    private readonly IReadOnlySet<BatchStatus>? _statuses;
    private readonly string? _endpoint, _model;
    private readonly DateTimeOffset? _after, _before;
    private readonly MetadataFilter _metadata;

    private BatchFilter(HttpRequest request)
    {
        var query = request.Query;
        query.RequireOnly(
            "after", "limit", "order", "status", "endpoint", "model", "created_after", "created_before", "metadata", "metadata[");
        _statuses = query.Choices<BatchStatus>("status");
        _endpoint = query.Text("endpoint");
        _model = query.Text("model");
        _after = query.Time("created_after");
        _before = query.Time("created_before");
        _metadata = MetadataFilter.Read(request);
        if (_endpoint is not null && !BatchEndpoint.All.Contains(_endpoint))
        {
            throw ApiException.InvalidRequest(
                $"endpoint must be one of {string.Join(", ", BatchEndpoint.All)}, not '{Excerpt.Of(_endpoint)}'", "endpoint");
        }
        if (_after >= _before)
            throw ApiException.InvalidRequest("created_before must be later than created_after", "created_before");
    }

    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static BatchFilter Read(HttpRequest request) => new(request);

    public bool Matches(BatchRecord batch) =>
        (_statuses is null || _statuses.Contains(batch.Status))
        && (_endpoint is null || batch.Endpoint == _endpoint)
        && (_model is null || batch.Model == _model)
        && (_after is null || batch.CreatedAt > _after)
        && (_before is null || batch.CreatedAt < _before)
        && _metadata.Matches(batch.Metadata);
}
