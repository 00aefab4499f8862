using Azure;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Models;

/// <summary>The models that a tenant may name: its own and everybody's.</summary>
public sealed class ModelCatalog(StorageAccount storage)
{
    private readonly Records<ModelRecord> _records = new(storage.Table(StorageNames.ModelsTable));

    /// <returns>Null when there is none, also for an id that is too long to be one.</returns>
    public async Task<ModelRecord?> FindAsync(string tenant, string id, CancellationToken cancellation) => ModelRecord.Key(id).Length > ModelRecord.MaxKey ? null :
        await _records.FindAsync(tenant, ModelRecord.Key(id), cancellation) ?? await _records.FindAsync(ModelRecord.EveryTenant, ModelRecord.Key(id), cancellation);

    public async Task<IReadOnlyList<ModelRecord>> ListAsync(string tenant, CancellationToken cancellation)
    {
        List<ModelRecord> models = [];
        foreach (string partition in new[] { ModelRecord.EveryTenant, tenant })
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

    /// <summary>Notes how fast a model goes, unless that is known already or its files are others now.</summary>
    public Task SetRateAsync(ModelRecord model, double tokenForwardsPerSecond, CancellationToken cancellation) => _records.UpdateAsync(model.PartitionKey, model.RowKey, current =>
    {
        if (current.TokenForwardsPerSecond > 0 || current.Folder != model.Folder)
            return false;
        current.TokenForwardsPerSecond = tokenForwardsPerSecond;
        return true;
    }, cancellation);

    /// <summary>The model of that very tenant.</summary>
    /// <param name="tenant">Or <see cref="ModelRecord.EveryTenant"/>.</param>
    public Task<ModelRecord?> FindOwnAsync(string tenant, string id, CancellationToken cancellation) => _records.FindAsync(tenant, ModelRecord.Key(id), cancellation);

    /// <summary>Makes a model unknown; its files stay.</summary>
    /// <returns>False when it has been changed or removed since it was read.</returns>
    public Task<bool> RemoveAsync(ModelRecord model, CancellationToken cancellation) => _records.TryDeleteAsync(model, cancellation);

    /// <summary>Makes a removed model known again as it was.</summary>
    /// <returns>False when another one has taken its name since.</returns>
    public async Task<bool> RestoreAsync(ModelRecord model, CancellationToken cancellation)
    {
        try
        {
            await _records.AddAsync(model, cancellation);
            return true;
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            return false;
        }
    }

    /// <summary>The models of all tenants.</summary>
    public IAsyncEnumerable<ModelRecord> ListAllAsync(CancellationToken cancellation) => _records.ScanAsync("", cancellation);
}
