using System.Globalization;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using static LLaDA.Batch.Shared.Batches.BatchPriority;

namespace LLaDA.Batch.Shared.Tests.Batches;

/// <summary>Whose turn it is among the batches of a tenant: laws of the weights, and waits in simulated time.</summary>
public sealed class BatchTurnsTests
{
    private static readonly TimeSpan s_day = TimeSpan.FromDays(1), s_hour = TimeSpan.FromHours(1);
    private static readonly DateTimeOffset s_now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public void A_weight_grows_with_the_priority_and_as_the_time_left_shrinks_within_its_bounds()
    {
        TimeSpan[] left = [.. Enumerable.Range(-5, 400).Select(hour => TimeSpan.FromHours(hour))];
        foreach (var priority in Enum.GetValues<BatchPriority>())
        {
            double[] weights = [.. left.Select(time => BatchTurns.WeightOf(priority, time))];
            Assert.Equal(weights.OrderDescending(), weights);
            Assert.All(weights, weight => Assert.InRange(weight, BatchTurns.LeastWeight, BatchTurns.GreatestWeight));
        }
        Assert.All(left, time =>
        {
            Assert.Equal(4 * BatchTurns.WeightOf(Low, time), BatchTurns.WeightOf(Normal, time));
            Assert.Equal(4 * BatchTurns.WeightOf(Normal, time), BatchTurns.WeightOf(High, time));
        });
        Assert.Equal(1, BatchTurns.WeightOf(Normal, s_day));
        Assert.Equal(1, BatchTurns.WeightOf(Normal, left: null));
        Assert.Equal((0.125, 32), (BatchTurns.LeastWeight, BatchTurns.GreatestWeight));
    }

    [Theory]
    [InlineData(Normal, 24, false)]
    [InlineData(Normal, 6, true)]
    [InlineData(High, 24, true)]
    [InlineData(High, 300, false)]
    [InlineData(Low, 1, false)]
    public void A_shard_that_passes_others_is_of_a_party_of_its_own(BatchPriority priority, int hours, bool isAhead)
    {
        var open = new OpenBatchRow { Priority = priority, ExpiresAt = s_now + TimeSpan.FromHours(hours) };

        Assert.Equal(isAhead, open.WeightAt(s_now) >= BatchTurns.WeightAhead);
        Assert.Equal("acme", new ShardMessage("acme", "b", "p", 0).Party);
        Assert.NotEqual("acme", (new ShardMessage("acme", "b", "p", 0) { IsAhead = true }).Party);
    }

    [Fact]
    public void Equal_batches_get_equal_turns_in_the_order_of_their_plans()
    {
        var open = Enumerable.Range(0, 5).Select(index => new OpenBatchRow
        {
            NumShards = 9, PlannedAt = s_now - TimeSpan.FromMinutes(index), ExpiresAt = s_now + s_day,
        }).ToList();

        List<int> order = [];
        for (int turn = 0; turn < 10; turn++)
        {
            var next = BatchTurns.Next(open, s_now + TimeSpan.FromSeconds(turn))!;
            (next.NumReleased, next.ReleasedAt) = (next.NumReleased + 1, s_now + TimeSpan.FromSeconds(turn));
            order.Add(open.IndexOf(next));
        }

        Assert.Equal([4, 3, 2, 1, 0, 4, 3, 2, 1, 0], order);
        Assert.Null(BatchTurns.Next([], s_now));
    }

    [Fact]
    public void Shards_that_are_sent_at_one_moment_are_shared_by_weight()
    {
        var open = new[] { High, Normal }.Select(priority => new OpenBatchRow
        {
            NumShards = 99, Priority = priority, PlannedAt = s_now, ExpiresAt = s_now + s_day,
        }).ToList();

        for (int turn = 0; turn < 25; turn++)
        {
            var next = BatchTurns.Next(open, s_now)!;
            (next.NumReleased, next.ReleasedAt) = (next.NumReleased + 1, s_now);
        }

        Assert.Equal([20, 5], open.Select(row => row.NumReleased));
    }

    [Fact]
    public void A_row_of_an_earlier_version_waits_the_longest()
    {
        var earlier = new OpenBatchRow { NumShards = 1 };
        var urgent = new OpenBatchRow { NumShards = 1, Priority = High, PlannedAt = s_now - s_day, ExpiresAt = s_now };

        Assert.Same(earlier, BatchTurns.Next([urgent, earlier], s_now));
    }

    [Fact]
    public void Batches_whose_last_shards_a_clock_sent_that_is_ahead_are_shared_by_weight_and_not_against_it()
    {
        var sent = s_now + s_hour;
        var open = new[] { Low, Normal, High }.Select(priority => new OpenBatchRow
        {
            NumShards = 999, NumReleased = 1, Priority = priority, ReleasedAt = sent, ExpiresAt = s_now + s_day,
        }).ToList();

        for (int turn = 0; turn < 21; turn++)
        {
            var next = BatchTurns.Next(open, s_now)!;
            next.NumReleased++;
        }

        Assert.Equal(0, BatchTurns.ClaimOf(sent, BatchTurns.GreatestWeight, s_now));
        Assert.Equal([2, 5, 17], open.Select(row => row.NumReleased));
    }

    [Fact]
    public void Whatever_the_mix_no_wait_exceeds_its_bound()
    {
        for (int seed = 0; seed < 60; seed++)
        {
            var random = new Random(seed);
            var batches = Enumerable.Range(0, random.Next(2, 12)).Select(index => new SimulatedBatch(
                $"{index}", (BatchPriority)random.Next(3), TimeSpan.FromHours(random.Next(1, 337)),
                random.Next(2) == 0 ? random.Next(1, 5) : null)).ToList();

            foreach (var waits in new TurnSimulation(batches).Run(TimeSpan.FromDays(2)))
            {
                Assert.True(waits.Longest <= waits.Bound, $"Mix {seed}: {waits}");
                Assert.True(waits.Share > 0 || waits.Bound > TimeSpan.FromDays(1.9), $"Mix {seed}: {waits}");
            }
        }
    }

    [Fact]
    public void A_batch_near_its_expiry_gets_most_turns_beside_many()
    {
        var others = Enumerable.Range(0, 8).Select(index => new SimulatedBatch($"{index}", Normal, s_day));

        var waits = new TurnSimulation([new("late", Normal, TimeSpan.FromHours(3)), .. others]).Run(TimeSpan.FromHours(3));

        Assert.InRange(waits[0].Share, 0.45, 0.5);
        Assert.All(waits.Skip(1), other => Assert.InRange(other.Share, 0.06, 0.07));
    }

    [Fact]
    public void The_page_shows_the_waits_of_the_simulation()
    {
        string[] page = File.ReadAllLines(Repository.PathOf("docs", "benchmarks", "turns.md"));
        string[] rows = [.. Mixes.SelectMany(mix => new TurnSimulation(mix.Batches).Run(TimeSpan.FromDays(5))
            .GroupBy(waits => waits.Batch.Name).Select(group => Row(mix.Name, [.. group])))];

        Assert.Equal(rows, page.Where(line => line.StartsWith("| ", StringComparison.Ordinal)).Skip(2));
    }

    private static (string Name, SimulatedBatch[] Batches)[] Mixes { get; } =
    [
        ("30 days left", [new("low", Low, s_day * 30), new("normal", Normal, s_day * 30), new("high", High, s_day * 30)]),
        ("beside an hour", [
            new("normal, 14 days", Normal, s_day * 14), new("normal, 1 hour, 1 shard, renewed", Normal, s_hour, Shards: 1)]),
        ("beside many", [
            new("low, 14 days", Low, s_day * 14),
            .. Enumerable.Repeat(new SimulatedBatch("19 times normal, 14 days", Normal, s_day * 14), 19)]),
        ("the worst", [
            new("low, 14 days", Low, s_day * 14),
            .. Enumerable.Repeat(new SimulatedBatch("5 times high, 1 hour, 5 shards, renewed", High, s_hour, Shards: 5), 5)]),
    ];

    /// <param name="waits">Of the batches of one name.</param>
    private static string Row(string mix, SimulatedWaits[] waits) => string.Create(
        CultureInfo.InvariantCulture,
        $"| {mix} | {waits[0].Batch.Name} | {waits.Sum(one => one.Share):P1} | {waits.Average(one => one.Mean.TotalMinutes):F1} "
        + $"| {waits.Max(one => one.Longest).TotalMinutes:F0} | {waits[0].Bound.TotalMinutes:F0} |");
}
