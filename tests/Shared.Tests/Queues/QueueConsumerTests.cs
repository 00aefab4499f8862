using System.Collections.Concurrent;
using Azure.Core;
using Azure.Identity;
using Azure.Storage.Queues;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace LLaDA.Batch.Shared.Tests.Queues;

public sealed class QueueConsumerTests(StorageFixture fixture)
{
    private const string QueueName = "work";
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly QueueConsumerOptions _options = new()
    {
        VisibilityTimeout = TimeSpan.FromSeconds(2),
        RetryDelay = TimeSpan.Zero,
        MaxDequeueCount = 3,
        MaxPollingInterval = TimeSpan.FromMilliseconds(100),
    };

    [Fact]
    public async Task A_handled_message_is_gone()
    {
        var (storage, queue) = await NewQueueAsync("""{"tenant":"t","batch":"b"}""");
        var handled = new TaskCompletionSource<PlanMessage>();

        await RunUntilAsync(storage, _options, (message, _) =>
        {
            handled.SetResult(message);
            return Task.CompletedTask;
        }, handled.Task);

        Assert.Equal(new PlanMessage("t", "b"), await handled.Task);
        Assert.Equal(0, await CountAsync(queue));
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("""{"tenant":"t"}""")]
    [InlineData("""{"tenant":"t","batch":null}""")]
    public async Task A_message_that_cannot_be_read_goes_to_the_poison_queue_at_once(string text)
    {
        var (storage, queue) = await NewQueueAsync(text);
        var poison = storage.Queue(StorageNames.PoisonQueue(QueueName));

        await RunUntilAsync(storage, _options with { MaxDequeueCount = int.MaxValue }, (_, _) =>
            throw new InvalidOperationException("it was read"), UntilAsync(
                async () => await poison.ExistsAsync() && await CountAsync(poison) == 1));

        Assert.Equal(text, (await poison.PeekMessageAsync()).Value.Body.ToString());
        Assert.Equal(0, await CountAsync(queue));
    }

    [Fact]
    public async Task A_message_that_keeps_failing_goes_to_the_poison_queue()
    {
        const string text = """{"tenant":"t","batch":"b"}""";
        var (storage, queue) = await NewQueueAsync(text);
        var poison = storage.Queue(StorageNames.PoisonQueue(QueueName));
        int attempts = 0;

        await RunUntilAsync(storage, _options, (_, _) =>
        {
            Interlocked.Increment(ref attempts);
            throw new InvalidOperationException("broken");
        }, UntilAsync(async () => await poison.ExistsAsync() && await CountAsync(poison) == 1));

        Assert.Equal(text, (await poison.PeekMessageAsync()).Value.Body.ToString());
        Assert.Equal(0, await CountAsync(queue));
        Assert.Equal(_options.MaxDequeueCount, attempts);
    }

    [Fact]
    public async Task A_message_in_work_is_seen_by_nobody_else_however_long_it_takes()
    {
        var (storage, queue) = await NewQueueAsync("""{"tenant":"t","batch":"b"}""");
        var handled = new TaskCompletionSource();
        int starts = 0;

        await RunUntilAsync(storage, _options with { Concurrency = 2 }, async (_, cancellation) =>
        {
            Interlocked.Increment(ref starts);
            await Task.Delay(_options.VisibilityTimeout * 2, cancellation);
            handled.SetResult();
        }, handled.Task);

        Assert.Equal(1, starts);
        Assert.Equal(0, await CountAsync(queue));
    }

    [Fact]
    public async Task Losing_the_message_stops_the_handler()
    {
        var (storage, queue) = await NewQueueAsync("""{"tenant":"t","batch":"b"}""");
        var stopped = new TaskCompletionSource<bool>();
        using var shutdown = new CancellationTokenSource();

        await RunUntilAsync(storage, _options, async (_, cancellation) =>
        {
            await queue.ClearMessagesAsync(CancellationToken.None);
            try
            {
                await Task.Delay(Timeout.Infinite, cancellation);
            }
            finally
            {
                stopped.SetResult(shutdown.IsCancellationRequested);
            }
        }, stopped.Task, shutdown);

        Assert.False(await stopped.Task, "the shutdown stopped the handler, and not the loss");
        Assert.Equal(0, await CountAsync(queue));
    }

    [Fact]
    public async Task A_shutdown_hands_the_message_back_at_once()
    {
        var (storage, queue) = await NewQueueAsync("""{"tenant":"t","batch":"b"}""");
        var started = new TaskCompletionSource();

        await RunUntilAsync(storage, _options with { VisibilityTimeout = TimeSpan.FromMinutes(10) }, async (_, cancellation) =>
        {
            started.SetResult();
            await Task.Delay(Timeout.Infinite, cancellation);
        }, started.Task);

        Assert.NotNull((await queue.ReceiveMessageAsync()).Value);
    }

    [Fact]
    public async Task A_message_that_is_put_off_comes_back_and_does_not_count_as_broken()
    {
        var (storage, queue) = await NewQueueAsync("""{"tenant":"t","batch":"b"}""");
        var handled = new TaskCompletionSource();
        int attempts = 0;

        await RunUntilAsync(storage, _options with { MaxDequeueCount = int.MaxValue }, (_, _) =>
        {
            if (++attempts < 5)
                throw new TryAgainException(TimeSpan.Zero, "not yet");
            handled.SetResult();
            return Task.CompletedTask;
        }, handled.Task);

        Assert.Equal(5, attempts);
        Assert.Equal(0, await CountAsync(queue));
    }

    [Fact]
    public async Task A_queue_is_read_again_after_a_failure_to_get_a_token()
    {
        int numReads = 0;
        var faults = new StorageFaults
        {
            Before = call => call.StartsWith("GET", StringComparison.Ordinal) && numReads++ == 0
                ? throw new AuthenticationFailedException("there is no token")
                : Task.CompletedTask,
        };
        var storage = faults.Account(fixture.NewConnectionString(), HttpPipelinePosition.PerCall);
        await storage.Queue(QueueName).CreateAsync();
        await storage.Queue(QueueName).SendMessageAsync("""{"tenant":"t","batch":"b"}""");
        var handled = new TaskCompletionSource();

        await RunUntilAsync(storage, _options, (_, _) =>
        {
            handled.SetResult();
            return Task.CompletedTask;
        }, handled.Task);

        Assert.InRange(numReads, 2, int.MaxValue);
    }

    [Fact]
    public async Task All_messages_are_handled_by_as_many_at_a_time_as_allowed()
    {
        var (storage, queue) = await NewQueueAsync(
            [.. Enumerable.Range(0, 20).Select(index => $$"""{"tenant":"t","batch":"{{index}}"}""")]);
        var handled = new ConcurrentBag<string>();
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        int running = 0, most = 0;

        // No handler returns before three run at once: a consumer of fewer never ends, one of more is seen in the maximum.
        await RunUntilAsync(storage, _options with { Concurrency = 3 }, async (message, _) =>
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

        var options = _options with { Concurrency = 2, Guests = 3, VisibilityTimeout = s_limit, MaxDequeueCount = int.MaxValue };
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

        await RunUntilAsync(storage, _options with { TakesTurns = true }, (message, _) =>
        {
            order.Enqueue(message.Tenant);
            return Task.CompletedTask;
        }, UntilAsync(() => Task.FromResult(order.Count == 6)), partyOf: message => message.Tenant);

        Assert.Equal(["a", "b", "a", "b", "a", "a"], order);
    }

    private static IEnumerable<string> Messages(string tenant, int count) =>
        Enumerable.Range(0, count).Select(index => $$"""{"tenant":"{{tenant}}","batch":"{{tenant}}-{{index}}"}""");

    [Fact]
    public async Task It_ends_when_the_queue_has_been_empty_for_long_enough_and_not_before_its_work_is_done()
    {
        var (storage, queue) = await NewQueueAsync("""{"tenant":"t","batch":"b"}""");
        var limit = TimeSpan.FromMilliseconds(300);
        int handled = 0;

        await new QueueConsumer<PlanMessage>(storage, QueueName, _options with { IdleLimit = limit }, async (_, cancellation) =>
        {
            await Task.Delay(limit * 3, cancellation);
            handled++;
        }, TimeProvider.System, NullLogger.Instance).RunAsync(CancellationToken.None).WaitAsync(s_limit);

        Assert.Equal((1, 0), (handled, await CountAsync(queue)));
    }

    private static async Task RunUntilAsync(
        StorageAccount storage, QueueConsumerOptions options, Func<PlanMessage, CancellationToken, Task> handler,
        Task end, CancellationTokenSource? ending = null, Func<PlanMessage, string>? partyOf = null)
    {
        using var own = new CancellationTokenSource();
        var shutdown = ending ?? own;
        var time = TimeProvider.System;
        var running = new QueueConsumer<PlanMessage>(storage, QueueName, options, handler, time, NullLogger.Instance, partyOf)
            .RunAsync(shutdown.Token);
        await end.WaitAsync(s_limit);
        await shutdown.CancelAsync();
        await running.WaitAsync(s_limit);
    }

    private async Task<(StorageAccount Storage, QueueClient Queue)> NewQueueAsync(params string[] messages)
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = fixture.NewConnectionString() });
        var queue = storage.Queue(QueueName);
        await queue.CreateAsync();
        foreach (string message in messages)
            await queue.SendMessageAsync(message);
        return (storage, queue);
    }

    private static async Task UntilAsync(Func<Task<bool>> holds)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (!await holds())
            await timer.WaitForNextTickAsync();
    }

    private static async Task<int> CountAsync(QueueClient queue) => (await queue.GetPropertiesAsync()).Value.ApproximateMessagesCount;

    private static void InterlockedMax(ref int target, int value)
    {
        for (int seen = target; seen < value; seen = target)
            Interlocked.CompareExchange(ref target, value, seen);
    }
}
