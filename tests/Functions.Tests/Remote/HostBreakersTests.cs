using LLaDA.Batch.Functions.Remote;
using Microsoft.Extensions.Time.Testing;
using Polly.CircuitBreaker;

namespace LLaDA.Batch.Functions.Tests.Remote;

public sealed class HostBreakersTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly HostBreakers _breakers;
    private int _calls;

    public HostBreakersTests() => _breakers = new HostBreakers(_time);

    [Fact]
    public async Task A_host_that_fails_three_times_is_left_alone_for_a_while_and_others_are_not()
    {
        for (int failure = 0; failure < HostBreakers.MaxFailures; failure++)
            await Assert.ThrowsAsync<HttpRequestException>(() => FailAsync("down"));

        await Assert.ThrowsAsync<BrokenCircuitException>(() => FailAsync("down"));
        await Assert.ThrowsAsync<HttpRequestException>(() => FailAsync("other"));
        Assert.Equal(HostBreakers.MaxFailures + 1, _calls);

        _time.Advance(HostBreakers.Pause);
        await _breakers.Of("down").ExecuteAsync(_ => ValueTask.CompletedTask);
        await Assert.ThrowsAsync<HttpRequestException>(() => FailAsync("down"));
    }

    [Fact]
    public async Task A_success_among_failures_keeps_a_host_in_use()
    {
        for (int call = 0; call < 10; call++)
        {
            await Assert.ThrowsAsync<HttpRequestException>(() => FailAsync("shaky"));
            await _breakers.Of("shaky").ExecuteAsync(_ => ValueTask.CompletedTask);
        }
        Assert.Equal(10, _calls);
    }

    private Task FailAsync(string host) => _breakers.Of(host).ExecuteAsync(_ =>
    {
        _calls++;
        throw new HttpRequestException("Injected");
    }).AsTask();
}
