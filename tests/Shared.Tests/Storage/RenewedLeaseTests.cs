using Azure;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Shared.Tests.Storage;

public sealed class RenewedLeaseTests
{
    private static readonly TimeSpan s_duration = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan s_moment = TimeSpan.FromMilliseconds(20);

    private readonly FakeTimeProvider _time = new();
    private int _renewals, _losses;

    [Fact]
    public async Task It_is_renewed_at_half_of_its_time()
    {
        await using var lease = new RenewedLease(s_duration, RenewAsync, _time, () => _losses++);

        _time.Advance(s_duration * 0.49);
        Assert.Equal(0, _renewals);
        for (int renewal = 1; renewal <= 5; renewal++)
        {
            _time.Advance(s_duration * 0.5);
            Assert.Equal(renewal, _renewals);
        }
        Assert.False(lease.Lost.IsCancellationRequested);
    }

    [Theory]
    [InlineData(400)]
    [InlineData(404)]
    [InlineData(409)]
    [InlineData(412)]
    public async Task It_is_lost_when_storage_says_that_it_is_anothers(int status)
    {
        await using var lease = new RenewedLease(s_duration, _ => throw new RequestFailedException(status, "no"), _time, () => _losses++);

        _time.Advance(s_duration / 2);

        Assert.True(lease.Lost.IsCancellationRequested);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    [InlineData(429)]
    public async Task It_survives_storage_that_fails_for_a_moment(int status)
    {
        await using var lease = new RenewedLease(s_duration, _ => ++_renewals <= 2 ? throw new RequestFailedException(status, "busy") : Task.CompletedTask, _time, () => _losses++);

        for (int tick = 0; tick < 60; tick++)
            _time.Advance(s_duration / 60);

        Assert.Equal(3, _renewals);
        Assert.False(lease.Lost.IsCancellationRequested);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task It_is_given_up_before_it_runs_out_when_storage_fails_or_stays_silent(bool isSilent)
    {
        await using var lease = new RenewedLease(
            s_duration, cancellation => isSilent ? Task.Delay(Timeout.Infinite, cancellation) : throw new RequestFailedException(503, "busy"), _time, () => _losses++);

        int ticks = 0;
        for (; ticks < 60 && !lease.Lost.IsCancellationRequested; ticks++)
        {
            _time.Advance(s_duration / 60);
            await Task.Delay(s_moment);     // what the clock set going runs on other threads
        }

        Assert.InRange(s_duration / 60 * ticks, s_duration * 0.8, s_duration * 0.95);
    }

    [Fact]
    public async Task A_loss_is_reported_once_and_an_end_is_none()
    {
        int ends = 0;
        await using var lost = new RenewedLease(s_duration, _ => throw new RequestFailedException(409, "no"), _time, () => _losses++);
        await using var ended = new RenewedLease(s_duration, RenewAsync, _time, () => ends++);
        await ended.EndAsync();

        _time.Advance(s_duration / 2);
        _time.Advance(s_duration * 3);

        Assert.True(lost.Lost.IsCancellationRequested);
        Assert.Equal((1, 0), (_losses, ends));
    }

    [Fact]
    public async Task Once_ended_it_is_renewed_no_more_and_not_lost()
    {
        var lease = new RenewedLease(s_duration, RenewAsync, _time, () => _losses++);
        await lease.EndAsync();

        _time.Advance(s_duration * 3);

        Assert.Equal(0, _renewals);
        Assert.False(lease.Lost.IsCancellationRequested);
        await lease.DisposeAsync();
    }

    [Fact]
    public async Task Disposing_of_it_gives_it_up_once()
    {
        int released = 0;
        var lease = new RenewedLease(s_duration, RenewAsync, _time, () => _losses++, () =>
        {
            released++;
            return Task.CompletedTask;
        });

        await lease.DisposeAsync();

        Assert.Equal(1, released);
    }

    [Fact]
    public async Task What_fails_while_it_is_given_up_hides_nothing() =>
        await new RenewedLease(s_duration, RenewAsync, _time, () => _losses++, () => throw new AggregateException()).DisposeAsync();

    private Task RenewAsync(CancellationToken cancellation)
    {
        _renewals++;
        return Task.CompletedTask;
    }
}
