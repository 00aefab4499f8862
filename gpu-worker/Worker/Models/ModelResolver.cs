using LLaDA.Batch.Shared.Models;
using LLaDA.Diffusion;

namespace LLaDA.Batch.Worker.Models;

/// <summary>Resolves a tenant's model name and loads the model.</summary>
internal sealed class ModelResolver(ModelCatalog catalog, ModelHost models)
{
    /// <summary>Loads a model, and measures its rate at the first load if it comes from storage.</summary>
    /// <param name="isExclusive">Whether no other work may use a model at the same time.</param>
    /// <exception cref="CheckpointException">The model does not exist or cannot be loaded.</exception>
    public async Task<ModelLease> AcquireAsync(string tenant, string id, bool isExclusive, CancellationToken cancellation)
    {
        var record = await catalog.FindAsync(tenant, id, cancellation);
        var lease = await models.AcquireAsync(await SourceAsync(tenant, id, record, cancellation), isExclusive, cancellation);
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

    /// <param name="record">The registered record; null for a model that only this worker has.</param>
    /// <exception cref="CheckpointException">The model is an adapter of an adapter.</exception>
    public async Task<ModelSource> SourceAsync(string tenant, string id, ModelRecord? record, CancellationToken cancellation)
    {
        if (record is null or { Folder: "" })
            return new ModelSource(id);
        if (record.BaseModel.Length == 0)
            return new ModelSource(id, record.Folder) { Weights = record.Weights };
        var whole = await catalog.FindAsync(tenant, record.BaseModel, cancellation);
        if (whole is { BaseModel.Length: > 0 })
            throw new CheckpointException(id, $"is an adapter of {record.BaseModel}, which is itself an adapter");
        return new ModelSource(id, record.Folder, new ModelSource(record.BaseModel, whole?.Folder ?? ""))
        {
            Weights = whole?.Weights ?? ModelWeights.Auto,
        };
    }
}
