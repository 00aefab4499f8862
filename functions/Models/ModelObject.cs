using LLaDA.Batch.Shared.Models;

namespace LLaDA.Batch.Functions.Models;

/// <summary>A model on the wire.</summary>
public sealed record ModelObject
{
    public required string Id { get; init; }

    public required long Created { get; init; }

    public required string OwnedBy { get; init; }

    /// <summary>In tokens.</summary>
    public required int ContextLength { get; init; }

    public string Object => "model";

    public static ModelObject From(ModelRecord model) => new()
    {
        Id = model.Id,
        Created = model.CreatedAt.ToUnixTimeSeconds(),
        OwnedBy = model.Tenant == ModelRecord.EveryTenant ? "system" : model.Tenant,
        ContextLength = model.ContextLength,
    };
}
