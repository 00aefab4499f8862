using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Models;

/// <summary>The models that a tenant may name: its own and everybody's.</summary>
public sealed class ModelCatalog(StorageAccount storage)
{
    private readonly Records<ModelRecord> _records = new(storage.Table(StorageNames.ModelsTable));

    public async Task<ModelRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) =>
        await _records.FindAsync(tenant, ModelRecord.Key(id), cancellation) ?? await _records.FindAsync(ModelRecord.EveryTenant, ModelRecord.Key(id), cancellation);

    public async Task<IReadOnlyList<ModelRecord>> ListAsync(string tenant, CancellationToken cancellation)
    {
        List<ModelRecord> models = [];
        foreach (string partition in new[] { tenant, ModelRecord.EveryTenant })
        {
            await foreach (var model in _records.ListAsync(partition, after: null, cancellation))
                models.Add(model);
        }
        return models;
    }

    /// <summary>Makes a model known, or corrects what is known of it; the time of its first registration stays.</summary>
    public async Task RegisterAsync(ModelRecord model, CancellationToken cancellation)
    {
        model.RowKey = ModelRecord.Key(model.Id);
        var known = await _records.FindAsync(model.PartitionKey, model.RowKey, cancellation);
        model.CreatedAt = known?.CreatedAt ?? model.CreatedAt;
        await _records.PutAsync(model, cancellation);
    }
}
