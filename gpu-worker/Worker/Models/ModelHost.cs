using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Batch.Worker.Models;

/// <summary>Keeps one model in memory. Shards of the same model share it; a shard of another one waits until nobody uses it, and then takes its place.</summary>
public sealed class ModelHost(WorkerOptions options, TensorThread tensors) : IDisposable
{
    private readonly Lock _lock = new();
    private LoadedModel? _loaded;
    private int _users;
    private TaskCompletionSource _released = new();

    /// <summary>The model, loaded if need be. Dispose the lease to let others have their turn.</summary>
    /// <exception cref="CheckpointException">There is no such model, or it cannot be loaded.</exception>
    public async Task<ModelLease> AcquireAsync(string id, CancellationToken cancellation)
    {
        while (true)
        {
            Task released;
            lock (_lock)
            {
                if (_loaded?.Id == id)
                {
                    _users++;
                    return new ModelLease(this, _loaded);
                }
                released = _released.Task;
                if (_users == 0)
                {
                    _users = 1;
                    break;
                }
            }
            await released.WaitAsync(cancellation);
        }

        try
        {
            var loaded = await tensors.RunAsync(() => Load(id), cancellation);
            lock (_lock)
                _loaded = loaded;
            return new ModelLease(this, loaded);
        }
        catch
        {
            Release();
            throw;
        }
    }

    public void Dispose() => _loaded?.Dispose();

    internal void Release()
    {
        TaskCompletionSource? released = null;
        lock (_lock)
        {
            if (--_users == 0)
                (released, _released) = (_released, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        released?.SetResult();
    }

    private LoadedModel Load(string id)
    {
        if (id != Path.GetFileName(id))
            throw new CheckpointException(id, "is not a model of this worker");
        lock (_lock)
        {
            _loaded?.Dispose();
            _loaded = null;
        }
        return LoadedModel.Load(id, Path.Combine(options.ModelsPath, id), options, tensors);
    }
}

/// <summary>The right to use a model.</summary>
public sealed class ModelLease(ModelHost host, LoadedModel model) : IDisposable
{
    public LoadedModel Model { get; } = model;

    public void Dispose() => host.Release();
}
