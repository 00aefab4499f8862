using LLaDA.Diffusion;

namespace LLaDA.Batch.Worker.Models;

/// <summary>The folders on this machine from which a model is loaded. They stay until this is disposed of.</summary>
internal sealed class ModelFiles : IDisposable
{
    private readonly List<CachedModel> _leases = [];

    public string Weights { get; private set; } = "";

    /// <summary>Null for whole weights.</summary>
    public string? Adapter { get; private set; }

    /// <exception cref="CheckpointException">A folder is not there, or not whole.</exception>
    public static async Task<ModelFiles> AcquireAsync(ModelSource source, WorkerOptions options, ModelCache cache, CancellationToken cancellation)
    {
        var files = new ModelFiles();
        try
        {
            files.Weights = await files.PathAsync(source.Base ?? source, options, cache, cancellation);
            files.Adapter = source.Base is null ? null : await files.PathAsync(source, options, cache, cancellation);
            return files;
        }
        catch
        {
            files.Dispose();
            throw;
        }
    }

    public void Dispose() => _leases.ForEach(lease => lease.Dispose());

    private async Task<string> PathAsync(ModelSource source, WorkerOptions options, ModelCache cache, CancellationToken cancellation)
    {
        if (source.Folder.Length == 0)
        {
            bool isOwn = options.ModelsPath.Length > 0 && source.Id.Length > 0 && source.Id == Path.GetFileName(source.Id);
            return isOwn ? Path.Combine(options.ModelsPath, source.Id) : throw new CheckpointException(source.Id, "is not a model of this worker");
        }
        var lease = await cache.AcquireAsync(source.Folder, cancellation);
        _leases.Add(lease);
        return lease.Path;
    }
}
