using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Worker.Tests;

public sealed class TurnQueueTests
{
    private readonly TurnQueue _turns = new();

    [Fact]
    public void Time_is_shared_equally_however_many_items_a_party_queues_and_however_long_they_take()
    {
        AddMany("many", 500);
        AddMany("few", 50);

        var time = Run(rounds: 110, party => TimeSpan.FromSeconds((string)party == "many" ? 0.1 : 1));

        Assert.InRange(time["many"], 9, 11);
        Assert.InRange(time["few"], 9, 11);
    }

    [Fact]
    public void A_party_with_a_weight_has_that_multiple_of_the_time()
    {
        AddMany("three", 500);
        AddMany("one", 500);

        var time = Run(rounds: 400, _ => TimeSpan.FromSeconds(0.1), party => (string)party == "three" ? 3 : 1);

        Assert.Equal(3, time["three"] / time["one"], tolerance: 0.1);
    }

    [Fact]
    public void A_party_that_was_idle_has_nothing_to_make_up_for_and_one_that_had_more_still_owes_it()
    {
        AddMany("long", 1);
        AddMany("other", 10);
        Run(rounds: 1, _ => TimeSpan.FromSeconds(5));
        AddMany("long", 100);
        AddMany("new", 100);

        List<object> order = [];
        var time = Run(rounds: 16, party => Seconds(party), order: order);

        Assert.DoesNotContain("long", order[..8].Select(party => (string)party));
        Assert.InRange(time["new"] - time["other"], -1, 1);

        static TimeSpan Seconds(object party) => TimeSpan.FromSeconds(1);
    }

    [Fact]
    public void Items_of_a_party_run_in_order()
    {
        List<int> ran = [];
        for (int index = 0; index < 5; index++)
        {
            int number = index;
            _turns.Add("one", new Turn(() => { ran.Add(number); return false; }, () => { }, () => 1));
        }

        while (!_turns.IsEmpty)
            _turns.Take().Item.Run();

        Assert.Equal([0, 1, 2, 3, 4], ran);
    }

    private void AddMany(string party, int count)
    {
        for (int index = 0; index < count; index++)
            _turns.Add(party, new Turn(() => false, () => { }, () => 1));
    }

    private Dictionary<object, double> Run(
        int rounds, Func<object, TimeSpan> length, Func<object, int>? weight = null, List<object>? order = null)
    {
        Dictionary<object, double> time = [];
        for (int round = 0; round < rounds; round++)
        {
            var (party, _) = _turns.Take();
            order?.Add(party);
            _turns.Charge(party, length(party), weight?.Invoke(party) ?? 1);
            time[party] = time.GetValueOrDefault(party) + length(party).TotalSeconds;
        }
        return time;
    }
}
