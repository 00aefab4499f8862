using Azure;
using Azure.Storage.Blobs.Specialized;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>A right that expires, renewed at half of its duration until it is ended or lost.</summary>
/// <remarks>Renewals never overlap what follows the end: <see cref="EndAsync"/> returns when no renewal is in flight.</remarks>
public sealed class RenewedLease : IAsyncDisposable
{
    private readonly TimeSpan _duration;
    private readonly Func<CancellationToken, Task> _renew;
    private readonly TimeProvider _time;
    private readonly Func<Task>? _release;
    private readonly Action _onLost;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _renewing;

    /// <param name="duration">How long the right lasts from now, and from each renewal.</param>
    /// <param name="renew">Renews it; a response of 4xx means that it is lost.</param>
    /// <param name="onLost">Called once, when it is lost.</param>
    /// <param name="release">Gives it up early, when the lease is disposed of.</param>
    public RenewedLease(
        TimeSpan duration, Func<CancellationToken, Task> renew, TimeProvider time, Action onLost, Func<Task>? release = null)
    {
        (_duration, _renew, _time, _onLost, _release) = (duration, renew, time, onLost, release);
        _renewing = RenewAsync();
    }

    /// <summary>Cancelled when another owner has the right, or will have it before it can be renewed.</summary>
    public CancellationToken Lost => _lost.Token;

    /// <summary>Takes the lease of a blob.</summary>
    /// <returns>Null when another owner has it.</returns>
    public static async Task<RenewedLease?> TryAcquireAsync(
        BlobLeaseClient lease, TimeSpan duration, TimeProvider time, Action onLost, CancellationToken cancellation)
    {
        try
        {
            await lease.AcquireAsync(duration, cancellationToken: cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            return null;
        }
        return new RenewedLease(duration, token => lease.RenewAsync(cancellationToken: token), time, onLost, () => lease.ReleaseAsync());
    }

    public async Task EndAsync()
    {
        if (!_ended.IsCancellationRequested)
            await _ended.CancelAsync();
        await _renewing;
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        try
        {
            await (_release?.Invoke() ?? Task.CompletedTask);
        }
        catch (Exception)
        {
            // The right expires by itself, and the holder's own failure must not be hidden.
        }
        _lost.Dispose();
        _ended.Dispose();
    }

    /// <summary>Whether storage refused the renewal, rather than failed to respond.</summary>
    public static bool IsLoss(Exception failure) => failure is RequestFailedException { Status: >= 400 and < 500 and not 408 and not 429 };

    private async Task RenewAsync()
    {
        long renewed = _time.GetTimestamp();
        // The last tenth is left unused: a right that cannot be renewed is given up before another owner can take it.
        TimeSpan Left() => (_duration * 0.9) - _time.GetElapsedTime(renewed);
        var pause = _duration / 2;
        try
        {
            while (true)
            {
                await Task.Delay(pause, _time, _ended.Token);
                var answerTime = TimeSpan.FromTicks(Math.Clamp(Left().Ticks, 1, _duration.Ticks / 4));
                using var limit = new CancellationTokenSource(answerTime, _time);
                try
                {
                    await _renew(limit.Token);
                    renewed = _time.GetTimestamp();
                    pause = _duration / 2;
                }
                catch (Exception failure) when (!IsLoss(failure) && Left() > _duration / 20)
                {
                    pause = _duration / 20;     // no response: try faster while the right still holds
                }
            }
        }
        catch (Exception) when (_ended.IsCancellationRequested)
        {
            // Ended on purpose.
        }
        catch (Exception)
        {
            _onLost();
            await _lost.CancelAsync();
        }
    }
}
