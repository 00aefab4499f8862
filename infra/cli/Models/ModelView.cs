using LLaDA.Batch.Shared.Models;

namespace LLaDA.Batch.Cli.Models;

/// <summary>A model as operators see it.</summary>
internal sealed record ModelView
{
    public required string Id { get; init; }

    /// <summary>Null for a model of all tenants.</summary>
    public required string? Tenant { get; init; }

    public required string Profile { get; init; }

    /// <summary>Tokens.</summary>
    public required int ContextLength { get; init; }

    /// <summary>The family of its network; null for a model that an earlier version registered.</summary>
    public required string? Family { get; init; }

    /// <summary>Null for a model that an earlier version registered.</summary>
    public required long? Parameters { get; init; }

    /// <summary>Parameters that compute a token: fewer than all where experts are chosen; null as for all.</summary>
    public required long? ActiveParameters { get; init; }

    /// <summary>Measured token forwards per second; null until a worker has run it.</summary>
    public required double? TokensPerSecond { get; init; }

    /// <summary>How a card keeps the weights, such as int8; null as the worker keeps others.</summary>
    public required string? Weights { get; init; }

    /// <summary>The model that an adapter changes; null for a whole model.</summary>
    public required string? BaseModel { get; init; }

    /// <summary>Folder in the container of models; null for a model of the workers' own folder.</summary>
    public required string? Folder { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public static ModelView From(ModelRecord model) => new()
    {
        Id = model.Id,
        Tenant = model.Tenant == ModelRecord.EveryTenant ? null : model.Tenant,
        Profile = model.Profile,
        ContextLength = model.ContextLength,
        Family = NullIfEmpty(model.Family),
        Parameters = NullIfZero(model.NumParameters),
        ActiveParameters = NullIfZero(model.NumActiveParameters),
        TokensPerSecond = model.TokenForwardsPerSecond > 0 ? model.TokenForwardsPerSecond : null,
        Weights = NullIfEmpty(model.StoredWeights.ToLowerInvariant()),
        BaseModel = NullIfEmpty(model.BaseModel),
        Folder = NullIfEmpty(model.Folder),
        CreatedAt = model.CreatedAt,
    };

    private static long? NullIfZero(long count) => count == 0 ? null : count;

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
