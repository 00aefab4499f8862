using System.Collections.Concurrent;
using System.Web;
using Azure.Core;
using Azure.Core.Pipeline;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace LLaDA.Batch.Shared.Tests.Queues;

/// <summary>A party's message behind more messages of another one than storage shows.</summary>
public sealed class QueueConsumerCrowdTests(StorageFixture fixture)
{
    private const string QueueName = "work";
    private const int Places = 4, NumCrowd = 150;

    /// <summary>
    /// Messages of the crowd that end between two searches, at most: those after which one is due, and some until it begins.
    /// </summary>
    private const int Bound = 96;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60), s_second = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task A_message_that_comes_after_a_vain_search_is_found_after_a_bounded_number_of_the_crowds()
    {
        var (searches, time) = (new Searches(), new FakeTimeProvider());
        var storage = new StorageAccount(
            new StorageOptions { ConnectionString = fixture.NewConnectionString() },
            client => client.AddPolicy(searches, HttpPipelinePosition.PerCall));
        var queue = storage.Queue(QueueName);
        await queue.CreateAsync();
        for (int number = 0; number < NumCrowd; number++)
            await queue.SendMessageAsync(Message("crowd", number));
        var running = new ConcurrentQueue<TaskCompletionSource>();
        var loneBegan = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var consumer = new QueueConsumer<PlanMessage>(
            storage,
            QueueName,
            new() { Concurrency = Places, Guests = 1, VisibilityTimeout = s_limit, MaxDequeueCount = int.MaxValue },
            async (message, stop) =>
            {
                if (message.Tenant == "lone")
                {
                    loneBegan.SetResult();
                    return;
                }
                var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                running.Enqueue(end);
                await end.Task.WaitAsync(stop);
            },
            time,
            NullLogger.Instance,
            message => message.Tenant);
        using var shutdown = new CancellationTokenSource();
        var consuming = consumer.RunAsync(shutdown.Token);
        using var limit = new CancellationTokenSource(s_limit);

        while (searches.NumReturned < NumCrowd - Places)
            await PassAsync();
        await queue.SendMessageAsync(Message("lone", 0));
        time.Advance(s_second);
        int numEnded = 0;
        for (int before = searches.NumPages; searches.NumPages == before && !loneBegan.Task.IsCompleted; await PassAsync())
        {
            if (running.TryDequeue(out var first))
            {
                first.SetResult();
                numEnded++;
            }
        }
        while (!loneBegan.Task.IsCompleted)
            await PassAsync();

        Assert.True(numEnded <= Bound, $"{numEnded} messages of the crowd ended before");
        await shutdown.CancelAsync();
        await consuming.WaitAsync(s_limit);

        async Task PassAsync()
        {
            time.Advance(TimeSpan.FromMilliseconds(50));
            await queue.GetPropertiesAsync(limit.Token);
        }
    }

    private static string Message(string tenant, int number) => $$"""{"tenant":"{{tenant}}","batch":"{{number}}"}""";

    /// <summary>Counts the pages of messages that are received, and the messages that are made visible again.</summary>
    private sealed class Searches : HttpPipelineSynchronousPolicy
    {
        private int _numPages, _numReturned;

        public int NumPages => Volatile.Read(ref _numPages);

        public int NumReturned => Volatile.Read(ref _numReturned);

        public override void OnReceivedResponse(HttpMessage message)
        {
            var query = HttpUtility.ParseQueryString(message.Request.Uri.ToUri().Query);
            if (message.Request.Method == RequestMethod.Put && query["visibilitytimeout"] == "0")
                Interlocked.Increment(ref _numReturned);
            if (message.Request.Method == RequestMethod.Get && query["numofmessages"] == "32" && query["peekonly"] is null)
                Interlocked.Increment(ref _numPages);
        }
    }
}
