using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion;

namespace LLaDA.Batch.Worker.Models;

/// <summary>
/// Keeps one model in memory. Shards of the same model share it; a shard of another model waits until it is unused and then replaces it.
/// Requests are served in order of arrival, and once the first has waited for <see cref="Patience"/> no later one joins the model in
/// memory: no model starves another. An exclusive request queues like any other and is never shared.
/// </summary>
internal sealed class ModelHost : IDisposable
{
    /// <summary>About the duration of a shard: changing models sooner would cost more than it gains.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly LocalModels _local;
    private readonly Hardware _hardware;
    private readonly TensorThread _tensors;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly List<Waiter> _waiting = [];
    private ModelSlot? _current;
    private LoadedModel? _loaded;

    public ModelHost(LocalModels local, Hardware hardware, TensorThread tensors, TimeProvider time) =>
        (_local, _hardware, _tensors, _time) = (local, hardware, tensors, time);

    /// <summary>Whether a request waits for another model, or for the use of one alone.</summary>
    public bool AreOthersWaiting
    {
        get
        {
            lock (_lock)
                return _waiting.Count > 0;
        }
    }

    /// <summary>The model, fetched and loaded if necessary. Dispose the lease to give others their turn.</summary>
    /// <param name="isExclusive">Whether no other work may use a model at the same time.</param>
    /// <exception cref="CheckpointException">The model does not exist or cannot be loaded.</exception>
    public async Task<ModelLease> AcquireAsync(ModelSource source, bool isExclusive, CancellationToken cancellation)
    {
        var slot = TryJoin(source, isExclusive) ?? await WaitAsync(source, isExclusive, cancellation);
        try
        {
            return new ModelLease(this, slot, await slot.Loading.WaitAsync(cancellation));
        }
        catch
        {
            Release(slot);
            throw;
        }
    }

    public void Release(ModelSlot slot)
    {
        lock (_lock)
        {
            slot.Leave();
            Admit();
        }
    }

    public void Dispose() => _loaded?.Dispose();

    private ModelSlot? TryJoin(ModelSource source, bool isExclusive)
    {
        lock (_lock)
        {
            bool isClosed = _waiting.Count > 0 && _time.GetElapsedTime(_waiting[0].Since) >= Patience;
            return !isClosed && IsInMemory(source) && _current!.Admits(isExclusive) ? _current.Enter(isExclusive) : null;
        }
    }

    /// <summary>Fetches the files while others still use the model in memory, then waits for its turn.</summary>
    private async Task<ModelSlot> WaitAsync(ModelSource source, bool isExclusive, CancellationToken cancellation)
    {
        var waiter = new Waiter(source, isExclusive, await _local.AcquireAsync(source, cancellation), _time.GetTimestamp());
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

    /// <summary>
    /// Gives the slot, once it is unused, to the request that has waited longest, and to all that wait for the same model and can share
    /// it. Call it under the lock.
    /// </summary>
    private void Admit()
    {
        if (_current is { Users: > 0 } || _waiting.Count == 0)
            return;
        var (source, isExclusive, files, _) = _waiting[0];
        bool isInMemory = IsInMemory(source);
        if (!isInMemory)
            _current = new ModelSlot(source, _tensors.RunAsync(() => Load(source, files), CancellationToken.None));
        List<Waiter> admitted = isExclusive
            ? [_waiting[0]]
            : [.. _waiting.Where(waiter => waiter.Source == source && !waiter.IsExclusive)];
        foreach (var waiter in admitted)
        {
            waiter.Turn.SetResult(_current!.Enter(isExclusive));
            if (isInMemory || waiter.Files != files)
                waiter.Files.Dispose();
        }
        _waiting.RemoveAll(admitted.Contains);
    }

    private bool IsInMemory(ModelSource source) => _current is not null && _current.Source == source && !_current.Loading.IsFaulted;

    /// <summary>Runs on the tensor thread, so loads are sequential. A load that has begun is never cancelled.</summary>
    private LoadedModel Load(ModelSource source, ModelFiles files)
    {
        using (files)
        {
            _loaded?.Dispose();
            _loaded = null;
            return _loaded = LoadedModel.Load(source.Id, files, _hardware, _tensors, source.Weights);
        }
    }

    private sealed record Waiter(ModelSource Source, bool IsExclusive, ModelFiles Files, long Since)
    {
        public TaskCompletionSource<ModelSlot> Turn { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
