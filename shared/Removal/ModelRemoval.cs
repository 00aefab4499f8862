using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Removal;

/// <summary>
/// Removes a model that nobody needs. First it can be named no more; then it is looked again who had named it before, and only then its files go, and its record last. A job that comes
/// after that ends with <c>model_not_found</c>. Whoever dies on the way leaves a record that tells how far it came, and whoever comes next goes on from there.
/// </summary>
public sealed class ModelRemoval(StorageAccount storage, TimeProvider time)
{
    private const int MaxNamed = 3;

    private readonly ModelCatalog _catalog = new(storage);
    private readonly ModelDeletion _deletion = new(storage);
    private readonly ModelUsers _users = new(storage, time);

    /// <param name="tenant">Or <see cref="ModelRecord.EveryTenant"/>.</param>
    /// <param name="isForced">Removes it whoever needs it; their lines and jobs fail.</param>
    /// <returns>Null when there is no such model.</returns>
    /// <exception cref="ModelNotRemovedException">It is in use, or it was changed meanwhile: it is as it was.</exception>
    public async Task<RemovedModel?> RunAsync(string tenant, string id, bool isForced, CancellationToken cancellation)
    {
        if (await _catalog.FindRecordAsync(tenant, id, cancellation) is not { } model)
            return null;
        if (!isForced && model.State == ModelState.Available && await NamedByAsync(model, cancellation) is { } users)
            throw ModelNotRemovedException.InUse(id, users);
        if (!isForced && model.State != ModelState.Gone)
            await LeaveAsync(model, cancellation);
        return await _deletion.DeleteAsync(model, cancellation);
    }

    /// <summary>Takes the model out of sight, and puts it back when somebody has named it just before, or when that cannot be found out.</summary>
    private async Task LeaveAsync(ModelRecord model, CancellationToken cancellation)
    {
        if (model.State == ModelState.Available && !await _catalog.TrySetStateAsync(model, ModelState.Leaving, cancellation))
            throw ModelNotRemovedException.Changed(model.Id);
        string? users;
        try
        {
            users = await NamedByAsync(model, cancellation);
        }
        catch
        {
            await _catalog.TrySetStateAsync(model, ModelState.Available, CancellationToken.None);
            throw;
        }
        if (users is null)
            return;
        if (!await _catalog.TrySetStateAsync(model, ModelState.Available, CancellationToken.None))
            throw ModelNotRemovedException.Changed(model.Id);
        throw ModelNotRemovedException.InUse(model.Id, users);
    }

    private async Task<string?> NamedByAsync(ModelRecord model, CancellationToken cancellation)
    {
        List<string> users = await _users.ListAsync(model, cancellation).Take(MaxNamed + 1).ToListAsync(cancellation);
        return users.Count == 0 ? null : string.Join(", ", users.Take(MaxNamed)) + (users.Count > MaxNamed ? " and others" : "");
    }
}
