using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Models;

/// <summary>The registered models. A tenant may name its own and those of all tenants.</summary>
public sealed class ModelCatalog(StorageAccount storage)
{
    private readonly TableOf<ModelRecord> _records = new(storage.Table(StorageNames.ModelsTable));

    /// <returns>Null when there is none, also for an id that is too long to be one.</returns>
    public async Task<ModelRecord?> FindAsync(string tenant, string id, CancellationToken cancellation)
    {
        var (own, everyones) = (FindExactAsync(tenant, id, cancellation), FindExactAsync(ModelRecord.EveryTenant, id, cancellation));
        return (await Task.WhenAll(own, everyones)).FirstOrDefault(model => model is not null);
    }

    /// <summary>The models that a tenant may name.</summary>
    public async Task<IReadOnlyList<ModelRecord>> ListAsync(string tenant, CancellationToken cancellation)
    {
        List<ModelRecord> models = [];
        foreach (string partition in new[] { ModelRecord.EveryTenant, tenant })
        {
            await foreach (var model in _records.ListAsync(partition, after: null, cancellation))
            {
                if (model.State == ModelState.Available)
                    models.Add(model);
            }
        }
        return models;
    }

    /// <summary>Registers a model, or replaces its record; the time of its first registration stays.</summary>
    public async Task RegisterAsync(ModelRecord model, CancellationToken cancellation)
    {
        model.RowKey = ModelRecord.Key(model.Id);
        var known = await FindExactAsync(model.PartitionKey, model.Id, cancellation);
        model.CreatedAt = known?.CreatedAt ?? model.CreatedAt;
        await _records.PutAsync(model, cancellation);
    }

    /// <summary>Records the measured speed of a model, unless one is recorded or its files or their type in memory have changed.</summary>
    public Task SetRateAsync(ModelRecord model, double tokenForwardsPerSecond, CancellationToken cancellation) =>
        _records.UpdateAsync(model.PartitionKey, model.RowKey, current =>
        {
            if (current.TokenForwardsPerSecond > 0 || current.Folder != model.Folder
                || current.Weights != model.Weights)
                return false;
            current.TokenForwardsPerSecond = tokenForwardsPerSecond;
            return true;
        }, cancellation);

    /// <summary>The model registered for exactly this tenant.</summary>
    /// <param name="tenant">Or <see cref="ModelRecord.EveryTenant"/>.</param>
    /// <returns>Null when there is none, also for an id that is too long to be one.</returns>
    public async Task<ModelRecord?> FindExactAsync(string tenant, string id, CancellationToken cancellation) =>
        await FindRecordAsync(tenant, id, cancellation) is { State: ModelState.Available } model ? model : null;

    /// <summary>The models of all tenants.</summary>
    public IAsyncEnumerable<ModelRecord> ListAllAsync(CancellationToken cancellation) =>
        ScanAsync(cancellation).Where(model => model.State == ModelState.Available);

    /// <summary>The models of all tenants, also those whose removal has begun.</summary>
    public IAsyncEnumerable<ModelRecord> ScanAsync(CancellationToken cancellation) => _records.ScanAsync("", cancellation);

    /// <summary>Models whose removal has begun and has not progressed since a time.</summary>
    public IAsyncEnumerable<ModelRecord> ListLeavingAsync(DateTimeOffset since, CancellationToken cancellation) =>
        ScanAsync(cancellation).Where(model => model.State != ModelState.Available && model.Timestamp < since);

    /// <summary>The model registered for exactly this tenant, also when its removal has begun.</summary>
    internal async Task<ModelRecord?> FindRecordAsync(string tenant, string id, CancellationToken cancellation) =>
        ModelRecord.Key(id).Length > ModelRecord.MaxKey ? null : await _records.FindAsync(tenant, ModelRecord.Key(id), cancellation);

    /// <summary>Records how far the removal of a model has come.</summary>
    /// <returns>False when it was changed or removed since it was read.</returns>
    internal async Task<bool> TrySetStateAsync(ModelRecord model, ModelState state, CancellationToken cancellation)
    {
        var before = model.State;
        model.State = state;
        if (await _records.TryUpdateAsync(model, cancellation))
            return true;
        model.State = before;
        return false;
    }

    /// <summary>Deletes the record of a model.</summary>
    /// <returns>False when it was changed or removed since it was read.</returns>
    internal Task<bool> TryDeleteAsync(ModelRecord model, CancellationToken cancellation) => _records.TryDeleteAsync(model, cancellation);
}
