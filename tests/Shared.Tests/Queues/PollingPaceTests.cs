using LLaDA.Batch.Shared.Queues;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Shared.Tests.Queues;

public sealed class PollingPaceTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Pauses_stay_short_for_a_while_after_a_message_and_then_double_up_to_the_longest()
    {
        var pace = Pace(eager: TimeSpan.FromMinutes(2));

        Assert.All(Enumerable.Range(0, 100), _ => Assert.Equal(50, Next(pace)));
        _time.Advance(TimeSpan.FromMinutes(2));
        Assert.Equal([50, 100, 200, 400, 500, 500], Enumerable.Range(0, 6).Select(_ => Next(pace)));
        pace.Found();
        Assert.All(Enumerable.Range(0, 100), _ => Assert.Equal(50, Next(pace)));
    }

    [Fact]
    public void Without_an_eager_time_they_double_at_once()
    {
        var pace = Pace(TimeSpan.Zero);

        Assert.Equal([50, 100, 200], Enumerable.Range(0, 3).Select(_ => Next(pace)));
        pace.Found();
        Assert.Equal(50, Next(pace));
    }

    private static double Next(PollingPace pace) => pace.Pause().TotalMilliseconds;

    private PollingPace Pace(TimeSpan eager) =>
        new(new QueueConsumerOptions { EagerTime = eager, MaxPollingInterval = TimeSpan.FromMilliseconds(500) }, _time);
}
