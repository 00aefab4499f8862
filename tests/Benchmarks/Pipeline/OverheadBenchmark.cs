using System.Collections.Concurrent;
using System.Diagnostics;
using LLaDA.Batch.Local;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Shards;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace LLaDA.Batch.Benchmarks.Pipeline;

/// <summary>A batch's wall clock beside the time in which its rows were computed.</summary>
/// <param name="WallSeconds">From the request that creates the batch until a client sees that it is completed.</param>
/// <param name="ModelSeconds">In which the tensor thread took steps.</param>
/// <param name="Profile">The difference, by what it was spent on.</param>
internal sealed record Overhead(int NumShards, double WallSeconds, double ModelSeconds, IReadOnlyDictionary<string, double> Profile)
{
    /// <summary>What the service adds, as a share of the model's time.</summary>
    public double Share => (WallSeconds / ModelSeconds) - 1;
}

/// <summary>
/// One batch of the bundled model through Azurite, the functions in a process of their own, and a worker's parts in this one, where the
/// tensor thread can be watched.
/// </summary>
internal static class OverheadBenchmark
{
    private const int WarmupLines = 20;

    /// <summary>A pause between two steps that is longer than handing over takes.</summary>
    private static readonly TimeSpan s_handOver = TimeSpan.FromMilliseconds(20);

    public static async Task<Overhead> RunAsync(int numLines, int gap, CancellationToken cancellation)
    {
        string folder = Directory.CreateTempSubdirectory("llada-pipeline-").FullName;
        try
        {
            // The stack's own worker announces the models and takes no shards.
            var settings = new Dictionary<string, string> { ["Worker__Generates"] = "false" };
            await using var stack = await LocalStack.StartAsync(
                new LocalStackOptions(folder, Settings: settings), Console.Error.WriteLine, cancellation);
            var storage = new StorageAccount(new StorageOptions { ConnectionString = stack.ConnectionString });
            using var client = new BatchClient(stack.CreateClient());
            ConcurrentQueue<(long Started, long Ended)> steps = [];
            using var tensors = new TensorThread((started, ended) => steps.Enqueue((started, ended)));
            using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var working = WorkAsync(stack.ConnectionString, tensors, stop.Token);
            string model = (await client.ModelsAsync(cancellation))[0];
            await RunBatchAsync(client, model, WarmupLines, gap, cancellation);

            steps.Clear();
            string file = await client.UploadAsync(Lines(numLines, gap), model, cancellation);
            long started = Stopwatch.GetTimestamp();
            var startedAt = TimeProvider.System.GetUtcNow();
            string id = await client.CreateAsync(file, cancellation);
            var ended = await client.WaitAsync(id, state => state.IsTerminal, _ => { }, cancellation);
            var wall = Stopwatch.GetElapsedTime(started);
            if (ended is not { Status: "completed", Failed: 0 })
                throw new StackException($"The batch is {ended.Status} with {ended.Failed} failed lines: {ended.Errors}");
            await stop.CancelAsync();
            await working;

            var batches = new BatchStore(storage, TimeProvider.System);
            var batch = (await batches.FindAsync("local", id, cancellation))!;
            var plan = (await new BatchBlobs(storage, batch).FindPlanAsync(cancellation))!;
            return Profile(
                plan.Shards.Count, wall, [.. steps], started, batch.InProgressAt!.Value - startedAt,
                batch.FinalizingAt!.Value - startedAt, batch.CompletedAt!.Value - startedAt);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Overhead Profile(
        int numShards, TimeSpan wall, IReadOnlyList<(long Started, long Ended)> steps,
        long started, TimeSpan planned, TimeSpan finalizing, TimeSpan completed)
    {
        double model = steps.Sum(step => Stopwatch.GetElapsedTime(step.Started, step.Ended).TotalSeconds);
        var pauses = steps.Zip(steps.Skip(1), (before, after) => Stopwatch.GetElapsedTime(before.Ended, after.Started)).ToList();
        double Seconds(IEnumerable<TimeSpan> times) => times.Sum(time => time.TotalSeconds);
        var profile = new Dictionary<string, double>
        {
            ["planning, its queue included"] = planned.TotalSeconds,
            ["the first shard's way to the model"] = (Stopwatch.GetElapsedTime(started, steps[0].Started) - planned).TotalSeconds,
            [$"handing over between {pauses.Count} steps"] = Seconds(pauses.Where(pause => pause < s_handOver)),
            [$"longer pauses between steps ({pauses.Count(pause => pause >= s_handOver)})"] =
                Seconds(pauses.Where(pause => pause >= s_handOver)),
            ["the last part, and the call for the finish"] = (finalizing - Stopwatch.GetElapsedTime(started, steps[^1].Ended)).TotalSeconds,
            ["finishing"] = (completed - finalizing).TotalSeconds,
            ["until the client sees it"] = (wall - completed).TotalSeconds,
        };
        return new Overhead(numShards, wall.TotalSeconds, model, profile);
    }

    /// <summary>Consumes shards as a worker's process does.</summary>
    private static async Task WorkAsync(string connectionString, TensorThread tensors, CancellationToken stop)
    {
        string cachePath = Directory.CreateTempSubdirectory("llada-cache-").FullName;
        Dictionary<string, string?> settings = new()
        {
            ["Storage:ConnectionString"] = connectionString,
            ["Worker:ModelsPath"] = Path.Combine(Repository.Root, "gpu-worker", "models"),
            ["Worker:CachePath"] = cachePath,
        };
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        await using (var worker = new ServiceCollection().AddLogging()
            .AddWorker(configuration).AddSingleton(tensors).BuildServiceProvider())
        {
            var options = worker.GetRequiredService<WorkerOptions>();
            var consumer = new QueueConsumerOptions
            {
                Concurrency = options.ShardsInHand,
                MaxDequeueCount = int.MaxValue,
                VisibilityTimeout = options.LeaseDuration,
            };
            string queue = StorageNames.GenerateQueue(StorageNames.DefaultProfile);
            var shards = worker.GetRequiredService<ShardMessageHandler>();
            await new QueueConsumer<ShardMessage>(
                worker.GetRequiredService<StorageAccount>(), queue, consumer, shards.RunAsync, TimeProvider.System, NullLogger.Instance)
                    .RunAsync(stop);
        }
        Directory.Delete(cachePath, recursive: true);
    }

    private static async Task RunBatchAsync(BatchClient client, string model, int numLines, int gap, CancellationToken cancellation)
    {
        string file = await client.UploadAsync(Lines(numLines, gap), model, cancellation);
        await client.WaitAsync(await client.CreateAsync(file, cancellation), state => state.IsTerminal, _ => { }, cancellation);
    }

    private static List<Sample> Lines(int count, int gap) =>
        [.. Enumerable.Range(1, count).Select(line => new Sample($"{line}", $"And God said to the {line}. of them, [MASK:{gap}]."))];
}
