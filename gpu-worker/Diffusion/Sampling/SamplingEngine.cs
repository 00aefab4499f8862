using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// Continuous batching: rows enter and leave a running batch at any denoising step, each with its own request, and one that fails or is
/// cancelled leaves alone. A row's result is the one that <see cref="Sampler"/> gives.
/// </summary>
/// <remarks>
/// Where the rows of several parties do not fit a pass together, each step takes equal shares of them. A row that has to wait in between
/// keeps its canvas and its cache, which is at most another pass's worth for each party, and its result does not change.
/// Rows may be submitted from any thread; <see cref="Step"/> and <see cref="Dispose"/> belong to the thread of the model.
/// </remarks>
/// <param name="numTokens">As for <see cref="Sampler"/>.</param>
/// <param name="maxTokens">Tokens of all rows that share a pass, the unconditional halves included; a longer row runs alone.</param>
/// <param name="prefixBytes">Memory for keys and values that rows of a block-causal model which begin alike share; 0 shares none.</param>
public sealed class SamplingEngine(MaskPredictor model, int? numTokens, int maxTokens, long prefixBytes = 0) : IDisposable
{
    private readonly Denoiser _denoiser = new(model, numTokens);
    private readonly SharedPrefixes _prefixes = new(prefixBytes);
    private readonly double _keptShare = PassBudget.KeptShare(model.Config, model.ComputeType);
    private readonly PartyTurns<Request> _requests = new(request => request.NumTokens);
    private readonly Lock _lock = new();
    // Their memory is freed on the thread of the model.
    private readonly List<Request> _failed = [];
    private List<Request> _active = [];
    private bool _isDisposed;
    private long _numCompleted;

    /// <summary>Rows that were sampled to their end since the engine was made.</summary>
    public long NumCompleted => Interlocked.Read(ref _numCompleted);

    /// <summary>Rows in the running batch after the last step.</summary>
    public int NumActive => Volatile.Read(ref _active).Count;

    /// <summary>Whether a step would find a row.</summary>
    public bool HasWork
    {
        get
        {
            lock (_lock)
                return !_requests.IsEmpty;
        }
    }

    /// <summary>Parties that have rows, running or waiting.</summary>
    public int NumParties
    {
        get
        {
            lock (_lock)
                return _requests.NumParties;
        }
    }

    /// <summary>Rows of a party without a name.</summary>
    public Task<SampledRow> SubmitAsync(SamplingRow row, CancellationToken cancellation = default) => SubmitAsync(row, "", cancellation);

    /// <summary>Rows of a party are admitted in the order in which they were submitted.</summary>
    /// <param name="party">Whose row it is: parties share the steps equally.</param>
    /// <param name="cancellation">Ends the row's task at once; its place is free at the next step.</param>
    /// <returns>Fails with <see cref="ArgumentException"/> if the row is out of range or does not fit the model.</returns>
    public Task<SampledRow> SubmitAsync(SamplingRow row, string party, CancellationToken cancellation)
    {
        var request = new Request(row, party, model.Config.NumVirtualTokens, cancellation);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _requests.Add(party, request);
        }
        return request.Result;
    }

    /// <summary>Admits the rows that fit and advances all rows by one denoising step.</summary>
    /// <remarks>A failure of the pass fails its rows. If this throws, the engine's own work failed: then call <see cref="Fail"/>.</remarks>
    /// <returns>Rows that shared the step's pass; 0 when there were none, and so no pass.</returns>
    public int Step()
    {
        using var scope = NewDisposeScope();
        Volatile.Write(ref _active, Admit());
        var stepping = _active.Where(request => request.Row is { IsDone: false }).ToDictionary(request => request.Row!);
        int numPassed = 0;
        try
        {
            numPassed = StepTogether(stepping);
        }
        catch (Exception exception)
        {
            foreach (var request in _active)
                request.Fail(exception);
        }
        foreach (var request in _active.Where(request => request.Row is { IsDone: true }))
        {
            if (request.Complete())
                Interlocked.Increment(ref _numCompleted);
        }
        Volatile.Write(ref _active, Remaining());
        return numPassed;
    }

    /// <summary>Fails all rows, running and waiting; the engine takes further ones. Not to be called during a step.</summary>
    public void Fail(Exception exception)
    {
        lock (_lock)
        {
            foreach (var request in _requests.Items)
                request.Fail(exception);
            _failed.AddRange(_requests.Items);
            _requests.Clear();
        }
        Volatile.Write(ref _active, []);
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            foreach (var request in _requests.Items)
            {
                request.Fail(new ObjectDisposedException(nameof(SamplingEngine)));
                request.Row?.Dispose();
            }
            _requests.Clear();
            RemoveEnded();
        }
        _active = [];
        _prefixes.Dispose();
        _denoiser.Dispose();
    }

    private int StepTogether(Dictionary<DenoisingRow, Request> stepping)
    {
        int numPlaces = stepping.Keys.Sum(row => row.NumPlacesMissing);
        _denoiser.Caches.Trim(numPlaces);
        _denoiser.Caches.Reserve(numPlaces);
        var ready = _prefixes.Ready(stepping.Select(entry => (entry.Key, entry.Value.Party)), _denoiser.Caches);
        if (ready.Count == 0)
            return 0;
        BlockCausalRow[] beginning = [.. ready.OfType<BlockCausalRow>().Where(row => row.SharesPrefix)];
        _denoiser.Step(ready, (row, exception) => stepping[row].Fail(exception));
        foreach (var row in beginning)
            _prefixes.Keep(row, stepping[row].Party, _denoiser.Caches);
        return ready.Count;
    }

    /// <summary>The rows of the next step. Rows that have ended leave, and their memory is freed.</summary>
    private List<Request> Admit()
    {
        List<Request> admitted;
        lock (_lock)
        {
            RemoveEnded();
            admitted = _requests.Next(maxTokens);
        }
        return [.. admitted.Where(request => request.Row is not null || request.TryStart(model.Config, _keptShare))];
    }

    private List<Request> Remaining()
    {
        lock (_lock)
            RemoveEnded();
        return [.. _active.Where(request => !request.IsEnded)];
    }

    private void RemoveEnded()
    {
        foreach (var ended in _requests.Remove(request => request.IsEnded).Concat(_failed))
            ended.Row?.Dispose();
        _failed.Clear();
    }

    private sealed class Request
    {
        private readonly SamplingRow _row;
        private readonly TaskCompletionSource<SampledRow> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly CancellationTokenRegistration _registration;
        private readonly int _numTokensAtStart;
        private double _keptShare;

        /// <param name="numVirtual">Virtual tokens that pass with its own.</param>
        public Request(SamplingRow row, string party, int numVirtual, CancellationToken cancellation)
        {
            (_row, Party) = (row, party);
            _numTokensAtStart = (numVirtual + row.Canvas.Count) * (row.Options.CfgScale > 0 ? 2 : 1);
            _registration = cancellation.UnsafeRegister((_, token) => _result.TrySetCanceled(token), null);
        }

        public DenoisingRow? Row { get; private set; }

        public Task<SampledRow> Result => _result.Task;

        public bool IsEnded => _result.Task.IsCompleted;

        /// <summary>Its share of a pass.</summary>
        public int NumTokens => Row?.NumTokensHeld(_keptShare) ?? _numTokensAtStart;

        /// <summary>Whose row it is; rows of several share no prefix.</summary>
        public string Party { get; }

        /// <param name="keptShare">As <see cref="DenoisingRow.NumTokensHeld"/> has it.</param>
        public bool TryStart(LLaDAConfig config, double keptShare)
        {
            try
            {
                _keptShare = keptShare;
                Row = DenoisingRow.Create(_row, config);
                return true;
            }
            catch (Exception exception)
            {
                Fail(exception);
                return false;
            }
        }

        /// <returns>False if it was cancelled in the meantime.</returns>
        public bool Complete()
        {
            bool isFirst = _result.TrySetResult(Row!.ToSampled());
            if (isFirst)
                _registration.Dispose();
            return isFirst;
        }

        public void Fail(Exception exception)
        {
            _registration.Dispose();
            _result.TrySetException(exception);
        }
    }
}
