using Azure;
using LLaDA.Batch.Shared.Observability;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>Keeps a right that runs out by itself, by renewing it at half of its time, until it is ended or lost.</summary>
/// <remarks>Renewing and what follows the end never overlap: <see cref="EndAsync"/> returns when no renewal is under way.</remarks>
public sealed class RenewedLease : IAsyncDisposable
{
    private readonly TimeSpan _duration;
    private readonly Func<CancellationToken, Task> _renew;
    private readonly TimeProvider _time;
    private readonly Func<Task>? _release;
    private readonly string _what;
    private readonly CancellationTokenSource _lost = new();
    private readonly CancellationTokenSource _ended = new();
    private readonly Task _renewing;

    /// <param name="duration">How long the right lasts from now, and from each renewal.</param>
    /// <param name="renew">Renews it; an answer of 4xx means that somebody else has it.</param>
    /// <param name="what">The kind of thing that is leased, for the count of losses.</param>
    /// <param name="release">Gives it up before its time, when the lease is disposed of.</param>
    public RenewedLease(TimeSpan duration, Func<CancellationToken, Task> renew, TimeProvider time, string what, Func<Task>? release = null)
    {
        (_duration, _renew, _time, _what, _release) = (duration, renew, time, what, release);
        _renewing = RenewAsync();
    }

    /// <summary>Cancelled when the right is somebody else's, or will be before it can be renewed.</summary>
    public CancellationToken Lost => _lost.Token;

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
            // It runs out by itself, and what the holder failed with must not be hidden.
        }
        _lost.Dispose();
        _ended.Dispose();
    }

    /// <summary>Whether storage said no, rather than nothing.</summary>
    public static bool IsLoss(Exception failure) => failure is RequestFailedException { Status: >= 400 and < 500 and not 408 and not 429 };

    private async Task RenewAsync()
    {
        long renewed = _time.GetTimestamp();
        // The last tenth is left unused: a right that cannot be renewed is given up before somebody else takes it.
        TimeSpan Left() => (_duration * 0.9) - _time.GetElapsedTime(renewed);
        var pause = _duration / 2;
        try
        {
            while (true)
            {
                await Task.Delay(pause, _time, _ended.Token);
                using var answerTime = new CancellationTokenSource(TimeSpan.FromTicks(Math.Clamp(Left().Ticks, 1, _duration.Ticks / 4)), _time);
                try
                {
                    await _renew(answerTime.Token);
                    renewed = _time.GetTimestamp();
                    pause = _duration / 2;
                }
                catch (Exception failure) when (!IsLoss(failure) && Left() > _duration / 20)
                {
                    pause = _duration / 20;     // no answer: try faster while the right still holds
                }
            }
        }
        catch (Exception) when (_ended.IsCancellationRequested)
        {
            // Ended as meant.
        }
        catch (Exception)
        {
            Telemetry.LeaseLosses.Add(1, Telemetry.With(Telemetry.Lease, _what));
            await _lost.CancelAsync();
        }
    }
}
