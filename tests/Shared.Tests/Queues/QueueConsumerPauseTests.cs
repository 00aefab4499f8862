using System.Threading.Channels;
using System.Web;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Shared.Tests.Queues;

/// <summary>How long a consumer waits: between polls of an empty queue, and before a failed message comes back.</summary>
public sealed class QueueConsumerPauseTests(StorageFixture fixture)
{
    private const string QueueName = "work";
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Pauses_between_polls_of_an_empty_queue_double_up_to_the_longest()
    {
        var pauses = await PausesAsync(new() { MaxPollingInterval = TimeSpan.FromMilliseconds(700) }, 60);

        double[] middles = [50, 100, 200, 400, .. Enumerable.Repeat(700.0, 56)];
        Assert.All(pauses.Zip(middles), pair => Assert.InRange(pair.First, pair.Second / 2, pair.Second * 1.5));
    }

    [Fact]
    public async Task Within_the_eager_time_they_stay_short()
    {
        var options = new QueueConsumerOptions
        {
            EagerTime = TimeSpan.FromSeconds(2), MaxPollingInterval = TimeSpan.FromMilliseconds(700),
        };

        var pauses = await PausesAsync(options, 100);

        // Twenty pauses take 1.5 s at most, and eighty take 2 s at least.
        Assert.All(pauses.Take(20), pause => Assert.InRange(pause, 25, 75));
        Assert.All(pauses.Skip(90), pause => Assert.InRange(pause, 350, 1_050));
    }

    private async Task<IReadOnlyList<double>> PausesAsync(QueueConsumerOptions options, int count)
    {
        var time = new RecordedTimers();
        var storage = NewStorage();
        await storage.Queue(QueueName).CreateAsync();
        using var shutdown = new CancellationTokenSource();
        var running = NewConsumer(storage, options, time, (_, _) => Task.CompletedTask).RunAsync(shutdown.Token);

        var pauses = new List<double>();
        while (pauses.Count < count)
        {
            var pause = await time.Created.Reader.ReadAsync().AsTask().WaitAsync(s_limit);
            pauses.Add(pause.TotalMilliseconds);
            time.Advance(pause);
        }
        await shutdown.CancelAsync();
        await running.WaitAsync(s_limit);
        return pauses;
    }

    [Fact]
    public async Task A_message_that_fails_waits_longer_each_time()
    {
        var queries = new UpdateQueries();
        var storage = NewStorage(queries);
        await storage.Queue(QueueName).CreateAsync();
        await storage.Queue(QueueName).SendMessageAsync("""{"tenant":"t","batch":"b"}""");
        using var shutdown = new CancellationTokenSource();
        var third = new TaskCompletionSource();
        int attempts = 0;

        var running = NewConsumer(storage, new() { RetryDelay = TimeSpan.FromSeconds(1) }, TimeProvider.System, (_, _) =>
        {
            if (++attempts == 3)
                third.SetResult();
            throw new InvalidOperationException("broken");
        }).RunAsync(shutdown.Token);
        await third.Task.WaitAsync(s_limit);
        await shutdown.CancelAsync();
        await running.WaitAsync(s_limit);

        Assert.Equal(["1", "2", "3"], queries.VisibilityTimeouts);
    }

    [Fact]
    public async Task A_queue_that_does_not_exist_yet_is_created_and_read()
    {
        var storage = NewStorage();
        var queue = storage.Queue(QueueName);
        using var shutdown = new CancellationTokenSource();
        var handled = new TaskCompletionSource();
        var running = NewConsumer(storage, new(), TimeProvider.System, (_, _) =>
        {
            handled.TrySetResult();
            return Task.CompletedTask;
        }).RunAsync(shutdown.Token);

        using (var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20)))
        {
            while (!await queue.ExistsAsync())
                await timer.WaitForNextTickAsync().AsTask().WaitAsync(s_limit);
        }
        await queue.SendMessageAsync("""{"tenant":"t","batch":"b"}""");
        await handled.Task.WaitAsync(s_limit);
        await shutdown.CancelAsync();
        await running.WaitAsync(s_limit);
    }

    private StorageAccount NewStorage(HttpPipelinePolicy? policy = null) =>
        new(new StorageOptions { ConnectionString = fixture.NewConnectionString() }, client =>
        {
            if (policy is not null)
                client.AddPolicy(policy, HttpPipelinePosition.PerCall);
        });

    private static QueueConsumer<PlanMessage> NewConsumer(
        StorageAccount storage, QueueConsumerOptions options, TimeProvider time, Func<PlanMessage, CancellationToken, Task> handler) =>
        new(storage, QueueName, options, handler, time, NullLogger.Instance);

    /// <summary>A clock that stands until it is advanced, and the due times of its timers.</summary>
    private sealed class RecordedTimers : FakeTimeProvider
    {
        public Channel<TimeSpan> Created { get; } =
            Channel.CreateUnbounded<TimeSpan>();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Created.Writer.TryWrite(dueTime);
            return timer;
        }
    }

    /// <summary>How long each update of a message hides it, in seconds.</summary>
    private sealed class UpdateQueries : HttpPipelineSynchronousPolicy
    {
        public List<string> VisibilityTimeouts { get; } = [];

        public override void OnSendingRequest(HttpMessage message)
        {
            var uri = message.Request.Uri.ToUri();
            if (message.Request.Method == RequestMethod.Put && uri.AbsolutePath.Contains("/messages/", StringComparison.Ordinal))
                VisibilityTimeouts.Add(HttpUtility.ParseQueryString(uri.Query)["visibilitytimeout"]!);
        }
    }
}
