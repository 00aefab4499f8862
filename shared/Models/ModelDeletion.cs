namespace LLaDA.Batch.Shared.Models;

/// <summary>A model that was removed.</summary>
/// <param name="HasDeletedFiles">False when another model, or workers themselves, have its files.</param>
public sealed record RemovedModel(ModelRecord Model, bool HasDeletedFiles);

/// <summary>
/// Deletes a model, its files before its record, even when jobs still name it. Repeating an interrupted deletion completes it.
/// </summary>
public sealed class ModelDeletion(ModelCatalog catalog, ModelFolders folders)
{
    /// <param name="tenant">Or <see cref="ModelRecord.EveryTenant"/>.</param>
    /// <returns>Null when there is no such model.</returns>
    /// <exception cref="ModelNotRemovedException">The record was changed at the same moment; the model is unchanged.</exception>
    public async Task<RemovedModel?> DeleteAsync(string tenant, string id, CancellationToken cancellation) =>
        await catalog.FindRecordAsync(tenant, id, cancellation) is { } model ? await DeleteAsync(model, cancellation) : null;

    internal async Task<RemovedModel?> DeleteAsync(ModelRecord model, CancellationToken cancellation)
    {
        if (model.State != ModelState.Gone && !await catalog.TrySetStateAsync(model, ModelState.Gone, cancellation))
            throw ModelNotRemovedException.Changed(model.Id);

        // Of two concurrent deletions that share their files, each counts the other until it is Gone: the last one deletes the files.
        bool isShared = model.Folder.Length == 0 || await catalog.ScanAsync(cancellation)
            .AnyAsync(other => other.Folder == model.Folder && other.State != ModelState.Gone, cancellation);
        if (!isShared)
            await folders.DeleteAsync(model.Folder, cancellation);
        return await catalog.TryDeleteAsync(model, cancellation) ? new RemovedModel(model, !isShared) : null;
    }
}
