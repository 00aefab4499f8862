using LLaDA.Batch.Shared.Models;
using LLaDA.Diffusion;

namespace LLaDA.Batch.Worker.Models;

/// <summary>Finds out what a tenant's model is made of, and loads it.</summary>
public sealed class ModelResolver(ModelCatalog catalog, ModelHost models)
{
    /// <summary>The model that a tenant calls so. One from storage is measured when it is loaded for the first time.</summary>
    /// <param name="isAlone">Nobody else uses a model meanwhile.</param>
    /// <exception cref="CheckpointException">There is no such model, or it cannot be loaded.</exception>
    public async Task<ModelLease> AcquireAsync(string tenant, string id, bool isAlone, CancellationToken cancellation)
    {
        var record = await catalog.FindAsync(tenant, id, cancellation);
        var lease = await models.AcquireAsync(await SourceAsync(tenant, id, record, cancellation), isAlone, cancellation);
        try
        {
            if (record is { Folder.Length: > 0, TokenForwardsPerSecond: 0 })
                await catalog.SetRateAsync(record, await lease.Model.MeasureTokensPerSecondAsync(cancellation), cancellation);
            return lease;
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>What a model is made of.</summary>
    /// <param name="record">What is known of it; null for one that this worker alone knows.</param>
    /// <exception cref="CheckpointException">It is an adapter of an adapter.</exception>
    public async Task<ModelSource> SourceAsync(string tenant, string id, ModelRecord? record, CancellationToken cancellation)
    {
        if (record is null or { Folder: "" })
            return new ModelSource(id);
        if (record.BaseModel.Length == 0)
            return new ModelSource(id, record.Folder);
        var whole = await catalog.FindAsync(tenant, record.BaseModel, cancellation);
        if (whole is { BaseModel.Length: > 0 })
            throw new CheckpointException(id, $"changes {record.BaseModel}, which is an adapter itself");
        return new ModelSource(id, record.Folder, new ModelSource(record.BaseModel, whole?.Folder ?? ""));
    }
}
