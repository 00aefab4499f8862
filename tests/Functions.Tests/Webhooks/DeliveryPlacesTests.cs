using LLaDA.Batch.Functions.Webhooks;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Functions.Tests.Webhooks;

public sealed class DeliveryPlacesTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly DeliveryPlaces _places;

    public DeliveryPlacesTests() => _places = new DeliveryPlaces(_time);

    [Fact]
    public void Endpoints_that_answer_at_once_have_any_number_of_deliveries()
    {
        var all = Enumerable.Range(0, 20).Select(_ => _places.TryEnter("tenant")).ToList();

        Assert.DoesNotContain(null, all);
    }

    [Fact]
    public void A_tenant_whose_endpoints_do_not_answer_has_two_and_another_tenant_is_not_concerned()
    {
        using var first = _places.TryEnter("slow");
        using var second = _places.TryEnter("slow");
        _time.Advance(TimeSpan.FromSeconds(2));

        Assert.Null(_places.TryEnter("slow"));
        Assert.NotNull(_places.TryEnter("other"));
    }

    [Fact]
    public void A_slow_delivery_is_remembered_for_a_minute()
    {
        var slow = _places.TryEnter("slow")!;
        _time.Advance(TimeSpan.FromSeconds(10));
        slow.Dispose();

        using (_places.TryEnter("slow"))
        using (_places.TryEnter("slow"))
            Assert.Null(_places.TryEnter("slow"));
        _time.Advance(TimeSpan.FromMinutes(1));

        Assert.All(Enumerable.Range(0, 4), _ => Assert.NotNull(_places.TryEnter("slow")));
    }

    [Fact]
    public void Those_without_a_place_come_back_one_after_the_other()
    {
        using var first = _places.TryEnter("slow");
        using var second = _places.TryEnter("slow");
        _time.Advance(TimeSpan.FromSeconds(2));
        var waits = Enumerable.Range(0, 20).Select(_ => Wait()).ToList();
        var others = Enumerable.Range(0, 2_000).Select(_ => Wait()).ToList();

        Assert.Equal(Enumerable.Range(0, 20).Select(index => 5 + (0.5 * index)), waits);
        Assert.Equal((5, 300), (others.Min(), others.Max()));
        Assert.Equal(5, _places.Wait("other").TotalSeconds);
    }

    [Fact]
    public void They_come_back_as_fast_as_two_at_a_time_are_delivered()
    {
        using var slow = _places.TryEnter("slow");
        _time.Advance(TimeSpan.FromSeconds(2));
        Deliver(TimeSpan.FromSeconds(10), times: 40);
        double ofSlow = Between();
        Deliver(TimeSpan.FromMilliseconds(10), times: 100);

        Assert.Equal(5, ofSlow, 0.1);
        Assert.Equal(0.05, Between(), 0.001);

        double Between() => -Wait() + Wait();

        void Deliver(TimeSpan duration, int times)
        {
            for (int delivery = 0; delivery < times; delivery++)
            {
                using var place = _places.TryEnter("slow");
                _time.Advance(duration);
            }
        }
    }

    [Fact]
    public void What_was_looked_up_before_is_not_the_endpoints_time()
    {
        var first = _places.TryEnter("tenant")!;
        using var second = _places.TryEnter("tenant")!;
        _time.Advance(TimeSpan.FromSeconds(2));
        first.Start();
        second.Start();

        Assert.NotNull(_places.TryEnter("tenant"));
        first.Dispose();
        Assert.NotNull(_places.TryEnter("tenant"));
    }

    private double Wait() => _places.Wait("slow").TotalSeconds;
}
