using Azure.Core;
using Azure.Identity;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace LLaDA.Batch.Shared.Tests.Queues;

public sealed class QueueConsumerTests(StorageFixture fixture) : ConsumedQueue(fixture)
{
    [Fact]
    public async Task A_handled_message_is_gone()
    {
        var (storage, queue) = await NewQueueAsync("""{"tenant":"t","batch":"b"}""");
        var handled = new TaskCompletionSource<PlanMessage>();

        await RunUntilAsync(storage, Options, (message, _) =>
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

        await RunUntilAsync(storage, Options with { MaxDequeueCount = int.MaxValue }, (_, _) =>
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

        await RunUntilAsync(storage, Options, (_, _) =>
        {
            Interlocked.Increment(ref attempts);
            throw new InvalidOperationException("broken");
        }, UntilAsync(async () => await poison.ExistsAsync() && await CountAsync(poison) == 1));

        Assert.Equal(text, (await poison.PeekMessageAsync()).Value.Body.ToString());
        Assert.Equal(0, await CountAsync(queue));
        Assert.Equal(Options.MaxDequeueCount, attempts);
    }

    [Fact]
    public async Task A_message_in_work_is_seen_by_nobody_else_however_long_it_takes()
    {
        var (storage, queue) = await NewQueueAsync("""{"tenant":"t","batch":"b"}""");
        var handled = new TaskCompletionSource();
        int starts = 0;

        await RunUntilAsync(storage, Options with { Concurrency = 2 }, async (_, cancellation) =>
        {
            Interlocked.Increment(ref starts);
            await Task.Delay(Options.VisibilityTimeout * 2, cancellation);
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

        await RunUntilAsync(storage, Options, async (_, cancellation) =>
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

        await RunUntilAsync(storage, Options with { VisibilityTimeout = TimeSpan.FromMinutes(10) }, async (_, cancellation) =>
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

        await RunUntilAsync(storage, Options with { MaxDequeueCount = int.MaxValue }, (_, _) =>
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
        var storage = faults.Account(NewConnectionString(), HttpPipelinePosition.PerCall);
        await storage.Queue(QueueName).CreateAsync();
        await storage.Queue(QueueName).SendMessageAsync("""{"tenant":"t","batch":"b"}""");
        var handled = new TaskCompletionSource();

        await RunUntilAsync(storage, Options, (_, _) =>
        {
            handled.SetResult();
            return Task.CompletedTask;
        }, handled.Task);

        Assert.InRange(numReads, 2, int.MaxValue);
    }

    [Fact]
    public async Task It_ends_when_the_queue_has_been_empty_for_long_enough_and_not_before_its_work_is_done()
    {
        var (storage, queue) = await NewQueueAsync("""{"tenant":"t","batch":"b"}""");
        var limit = TimeSpan.FromMilliseconds(300);
        int handled = 0;

        await new QueueConsumer<PlanMessage>(storage, QueueName, Options with { IdleLimit = limit }, async (_, cancellation) =>
        {
            await Task.Delay(limit * 3, cancellation);
            handled++;
        }, TimeProvider.System, NullLogger.Instance).RunAsync(CancellationToken.None).WaitAsync(Limit);

        Assert.Equal((1, 0), (handled, await CountAsync(queue)));
    }
}
