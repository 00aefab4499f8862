using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Batch.Worker.Models;

/// <summary>Finds the files of models on this machine: in the worker's own folder, or in the cache of models from storage.</summary>
/// <param name="ownPath">Folder whose subfolders are models, named by their ids; empty for none.</param>
internal sealed class LocalModels(string ownPath, ModelCache cache)
{
    /// <summary>Ids of the models in the worker's own folder, in order.</summary>
    public IEnumerable<string> OwnIds => ownPath.Length == 0 ? [] : Directory.GetDirectories(ownPath)
        .Where(folder => File.Exists(Path.Combine(folder, Checkpoint.ConfigFile)))
        .Select(folder => Path.GetFileName(folder))
        .Order(StringComparer.Ordinal);

    /// <summary>The files of a model, fetched if necessary.</summary>
    /// <exception cref="CheckpointException">A folder is missing or incomplete.</exception>
    public async Task<ModelFiles> AcquireAsync(ModelSource source, CancellationToken cancellation)
    {
        List<CachedModel> leases = [];
        try
        {
            string weights = await PathAsync(source.Base ?? source, leases, cancellation);
            string? adapter = source.Base is null ? null : await PathAsync(source, leases, cancellation);
            return new ModelFiles(weights, adapter, leases);
        }
        catch
        {
            leases.ForEach(lease => lease.Dispose());
            throw;
        }
    }

    private async Task<string> PathAsync(ModelSource source, List<CachedModel> leases, CancellationToken cancellation)
    {
        if (source.Folder.Length == 0)
        {
            bool isOwn = ownPath.Length > 0 && source.Id.Length > 0 && source.Id == Path.GetFileName(source.Id);
            return isOwn ? Path.Combine(ownPath, source.Id) : throw new CheckpointException(source.Id, "is not a model of this worker");
        }
        var lease = await cache.AcquireAsync(source.Folder, cancellation);
        leases.Add(lease);
        return lease.Path;
    }
}
