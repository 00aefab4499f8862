using System.Collections.Concurrent;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Tests.Queues;

/// <summary>How many messages are in work at a time, and whose.</summary>
public sealed class QueueConsumerPlacesTests(StorageFixture fixture) : ConsumedQueue(fixture)
{
    [Fact]
    public async Task All_messages_are_handled_by_as_many_at_a_time_as_allowed()
    {
        var (storage, queue) = await NewQueueAsync(
            [.. Enumerable.Range(0, 20).Select(index => $$"""{"tenant":"t","batch":"{{index}}"}""")]);
        var handled = new ConcurrentBag<string>();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int running = 0, most = 0;

        // No handler returns before three run at once: a consumer of fewer never ends, one of more is seen in the maximum.
        await RunUntilAsync(storage, Options with { Concurrency = 3 }, async (message, _) =>
        {
            int now = Interlocked.Increment(ref running);
            InterlockedMax(ref most, now);
            if (now == 3)
                gate.TrySetResult();
            await gate.Task;
            handled.Add(message.Batch);
            Interlocked.Decrement(ref running);
        }, UntilAsync(() => Task.FromResult(handled.Count >= 20)));

        Assert.Equal(Enumerable.Range(0, 20).Select(index => $"{index}").Order(), handled.Order());
        Assert.Equal(3, most);
        Assert.Equal(0, await CountAsync(queue));
    }

    [Theory]
    [InlineData(3)]
    [InlineData(40)]
    public async Task A_partys_first_message_does_not_wait_behind_those_of_others(int numOthers)
    {
        var (storage, queue) = await NewQueueAsync([.. Messages("many", numOthers), .. Messages("few", 2)]);
        var few = new ConcurrentQueue<string>();
        var handled = new ConcurrentBag<string>();
        var fewAreDone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int fewNow = 0, mostOfFew = 0;

        var options = Options with { Concurrency = 2, Guests = 3, VisibilityTimeout = Limit, MaxDequeueCount = int.MaxValue };
        await RunUntilAsync(storage, options, async (message, _) =>
        {
            if (message.Tenant == "many")
            {
                await fewAreDone.Task;
            }
            else
            {
                InterlockedMax(ref mostOfFew, Interlocked.Increment(ref fewNow));
                few.Enqueue(message.Batch);
                Interlocked.Decrement(ref fewNow);
                if (few.Count == 2)
                    fewAreDone.SetResult();
            }
            handled.Add(message.Batch);
        }, UntilAsync(() => Task.FromResult(handled.Count >= numOthers + 2)), partyOf: message => message.Tenant);

        Assert.Equal(["few-0", "few-1"], few);
        Assert.Equal(1, mostOfFew);
        Assert.Equal(numOthers + 2, handled.Distinct().Count());
        Assert.Equal(0, await CountAsync(queue));
    }

    [Fact]
    public async Task Parties_take_turns_at_a_single_place()
    {
        var (storage, _) = await NewQueueAsync([.. Messages("a", 4), .. Messages("b", 2)]);
        var order = new ConcurrentQueue<string>();

        await RunUntilAsync(storage, Options with { TakesTurns = true }, (message, _) =>
        {
            order.Enqueue(message.Tenant);
            return Task.CompletedTask;
        }, UntilAsync(() => Task.FromResult(order.Count == 6)), partyOf: message => message.Tenant);

        Assert.Equal(["a", "b", "a", "b", "a", "a"], order);
    }

    private static IEnumerable<string> Messages(string tenant, int count) =>
        Enumerable.Range(0, count).Select(index => $$"""{"tenant":"{{tenant}}","batch":"{{tenant}}-{{index}}"}""");

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = target; seen < value; seen = target)
            Interlocked.CompareExchange(ref target, value, seen);
    }
}
