using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Removal;

/// <summary>
/// Removes a model that no job needs. First it becomes unavailable, then its users are looked up again, and only then its files are
/// deleted, and its record last. A job that names it later fails with <c>model_not_found</c>. An interrupted removal leaves its progress in
/// the record, and the next removal continues from there.
/// </summary>
public sealed class ModelRemoval(ModelCatalog catalog, ModelDeletion deletion, ModelUsers users)
{
    private const int MaxNamed = 3;

    /// <summary>For callers without a container of services.</summary>
    public static ModelRemoval Create(StorageAccount storage, TimeProvider time)
    {
        var catalog = new ModelCatalog(storage);
        var users = new ModelUsers(
            storage, catalog, new BatchStore(storage, time), new FileStore(storage, time), new FineTuningStore(storage, time),
            new ScheduleStore(storage));
        return new ModelRemoval(catalog, new ModelDeletion(catalog, new ModelFolders(storage)), users);
    }

    /// <param name="tenant">Or <see cref="ModelRecord.EveryTenant"/>.</param>
    /// <param name="isForced">Removes it although jobs need it; their lines and runs fail.</param>
    /// <returns>Null when there is no such model.</returns>
    /// <exception cref="ModelNotRemovedException">It is in use, or it was changed meanwhile: it is unchanged.</exception>
    public async Task<RemovedModel?> RunAsync(string tenant, string id, bool isForced, CancellationToken cancellation)
    {
        if (await catalog.FindRecordAsync(tenant, id, cancellation) is not { } model)
            return null;
        if (!isForced && model.State == ModelState.Available && await NamedByAsync(model, cancellation) is { } needing)
            throw ModelNotRemovedException.InUse(id, needing);
        if (!isForced && model.State != ModelState.Gone)
            await LeaveAsync(model, cancellation);
        return await deletion.DeleteAsync(model, cancellation);
    }

    /// <summary>Makes the model unavailable, and available again when a job named it just before, or when that is unknown.</summary>
    private async Task LeaveAsync(ModelRecord model, CancellationToken cancellation)
    {
        if (model.State == ModelState.Available && !await catalog.TrySetStateAsync(model, ModelState.Leaving, cancellation))
            throw ModelNotRemovedException.Changed(model.Id);
        string? needing;
        try
        {
            needing = await NamedByAsync(model, cancellation);
        }
        catch
        {
            await catalog.TrySetStateAsync(model, ModelState.Available, CancellationToken.None);
            throw;
        }
        if (needing is null)
            return;
        if (!await catalog.TrySetStateAsync(model, ModelState.Available, CancellationToken.None))
            throw ModelNotRemovedException.Changed(model.Id);
        throw ModelNotRemovedException.InUse(model.Id, needing);
    }

    private async Task<string?> NamedByAsync(ModelRecord model, CancellationToken cancellation)
    {
        var ids = await users.ListAsync(model, cancellation).Take(MaxNamed + 1).ToListAsync(cancellation);
        return ids.Count == 0 ? null : string.Join(", ", ids.Take(MaxNamed)) + (ids.Count > MaxNamed ? " and others" : "");
    }
}
