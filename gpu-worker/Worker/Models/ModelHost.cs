using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion;

namespace LLaDA.Batch.Worker.Models;

/// <summary>
/// Keeps one model in memory. Shards of the same model share it; a shard of another one waits until nobody uses it, and then that one takes its place. Who waits longest is
/// served first, and once it has waited for <see cref="Patience"/> nobody joins the model in memory any more: no model keeps another one out. Who wants to be alone waits in the
/// same way, and nobody joins him.
/// </summary>
public sealed class ModelHost(WorkerOptions options, TensorThread tensors, ModelCache cache, TimeProvider time) : IDisposable
{
    /// <summary>About a shard's work: changing models sooner would cost more than it gives.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly List<Waiter> _waiting = [];
    private ModelSlot? _current;
    private LoadedModel? _loaded;

    /// <summary>The model, fetched and loaded if need be. Dispose the lease to let others have their turn.</summary>
    /// <param name="isAlone">Nobody else uses a model meanwhile.</param>
    /// <exception cref="CheckpointException">There is no such model, or it cannot be loaded.</exception>
    public async Task<ModelLease> AcquireAsync(ModelSource source, bool isAlone, CancellationToken cancellation)
    {
        var place = TryJoin(source, isAlone) ?? await WaitAsync(source, isAlone, cancellation);
        try
        {
            return new ModelLease(this, place, await place.Loading.WaitAsync(cancellation));
        }
        catch
        {
            Release(place);
            throw;
        }
    }

    public void Dispose() => _loaded?.Dispose();

    internal void Release(ModelSlot place)
    {
        lock (_lock)
        {
            place.Leave();
            Admit();
        }
    }

    private ModelSlot? TryJoin(ModelSource source, bool isAlone)
    {
        lock (_lock)
        {
            bool isKeepingOut = _waiting.Count > 0 && time.GetElapsedTime(_waiting[0].Since) >= Patience;
            if (_current is null || _current.Source != source || _current.Loading.IsFaulted || isKeepingOut || !_current.Admits(isAlone))
                return null;
            return _current.Enter(isAlone);
        }
    }

    /// <summary>Its files are fetched while others still use the model in memory.</summary>
    private async Task<ModelSlot> WaitAsync(ModelSource source, bool isAlone, CancellationToken cancellation)
    {
        var waiter = new Waiter(source, isAlone, await ModelFiles.AcquireAsync(source, options, cache, cancellation), time.GetTimestamp());
        lock (_lock)
        {
            _waiting.Add(waiter);
            Admit();
        }
        try
        {
            return await waiter.Turn.Task.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            lock (_lock)
            {
                if (_waiting.Remove(waiter))
                    waiter.Files.Dispose();
                else
                    waiter.Turn.Task.Result.Leave();    // its turn came at the same moment
                Admit();
            }
            throw;
        }
    }

    /// <summary>Gives the place, once nobody uses it, to who has waited longest, and to all who wait for the same model and would share it. Call it under the lock.</summary>
    private void Admit()
    {
        if (_current is { Users: > 0 } || _waiting.Count == 0)
            return;
        var (source, isAlone, files, _) = _waiting[0];
        bool isThere = _current is not null && _current.Source == source && !_current.Loading.IsFaulted;
        _current = isThere ? _current! : new ModelSlot(source, tensors.RunAsync(() => Load(source, files), CancellationToken.None));
        List<Waiter> admitted = isAlone ? [_waiting[0]] : [.. _waiting.Where(waiter => waiter.Source == source && !waiter.IsAlone)];
        foreach (var waiter in admitted)
        {
            waiter.Turn.SetResult(_current.Enter(isAlone));
            if (isThere || waiter.Files != files)
                waiter.Files.Dispose();
        }
        _waiting.RemoveAll(admitted.Contains);
    }

    /// <summary>Runs on the tensor thread, on which loads follow one another; to its end, whoever waits for it.</summary>
    private LoadedModel Load(ModelSource source, ModelFiles files)
    {
        using (files)
        {
            _loaded?.Dispose();
            _loaded = null;
            return _loaded = LoadedModel.Load(source.Id, files.Weights, files.Adapter, options, tensors);
        }
    }

    private sealed record Waiter(ModelSource Source, bool IsAlone, ModelFiles Files, long Since)
    {
        public TaskCompletionSource<ModelSlot> Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}

/// <summary>The model in memory, or on its way there.</summary>
internal sealed class ModelSlot(ModelSource source, Task<LoadedModel> loading)
{
    public ModelSource Source { get; } = source;

    public Task<LoadedModel> Loading { get; } = loading;

    // Users are guarded by the host's lock.

    public int Users { get; private set; }

    /// <summary>Whether its only user is to stay so.</summary>
    public bool HasOneAlone { get; private set; }

    public bool Admits(bool alone) => Users == 0 || !(alone || HasOneAlone);

    public ModelSlot Enter(bool alone)
    {
        (Users, HasOneAlone) = (Users + 1, alone);
        return this;
    }

    public void Leave() => (Users, HasOneAlone) = (Users - 1, false);
}

/// <summary>The right to use a model.</summary>
public sealed class ModelLease : IDisposable
{
    private readonly ModelHost _host;
    private readonly ModelSlot _place;

    internal ModelLease(ModelHost host, ModelSlot place, LoadedModel model) => (_host, _place, Model) = (host, place, model);

    public LoadedModel Model { get; }

    public void Dispose() => _host.Release(_place);
}
