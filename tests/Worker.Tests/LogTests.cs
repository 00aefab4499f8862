using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>What a worker logs, at every level: nothing that a line or an example says, and nothing that the model answers.</summary>
public sealed class LogTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private const string Secret = "nobody may read this";

    /// <summary>Shorter answers may be words that a log has by itself.</summary>
    private const int MinAnswer = 8;

    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1), s_interval = TimeSpan.FromMilliseconds(20);

    private readonly TensorThread _tensors = new();

    [Theory]
    [InlineData(TinyModel.Id)]
    [InlineData("none")]
    public async Task Nothing_that_lines_say_and_no_answer_is_logged_also_when_a_line_or_the_whole_shard_fails(string modelId)
    {
        var log = new RecordingLog();
        using var logs = LoggerFactory.Create(logging => logging.SetMinimumLevel(LogLevel.Trace).AddProvider(log));
        using var worker = await WorkerUnderTest.CreateAsync(
            fixture.NewConnectionString(), model.Folder, register: services => services.AddSingleton(logs));
        var (storage, batch) = (worker.Storage, await PlanAsync(worker, modelId));
        var blobs = new BatchBlobs(storage, batch);

        string logged = modelId == TinyModel.Id ? "lines done" : "failed at attempt 2";
        await ConsumeAsync<ShardMessage>(
            storage, worker.Shards.RunAsync, logs, () => log.Entries.Any(entry => entry.Contains(logged, StringComparison.Ordinal)));

        if (modelId == TinyModel.Id)
        {
            Assert.Contains(log.Entries, entry => entry.Contains(nameof(InvalidOperationException), StringComparison.Ordinal));
            var part = (await blobs.Parts.ReadAsync(0, CancellationToken.None)).ToLookup(line => line.IsError);
            Assert.Equal((3, 2), (part[false].Count(), part[true].Count()));
            string[] answers = [
                .. part[false].Select(line => JsonNode.Parse(line.Json)!["response"]!["body"]!["choices"]![0]!["text"]!.GetValue<string>())
                .Where(text => text.Length >= MinAnswer)];
            Assert.NotEmpty(answers);
            Assert.All(log.Entries, entry => Assert.All(answers, answer => Assert.DoesNotContain(answer, entry, StringComparison.Ordinal)));
        }
        Assert.All(log.Entries, entry => Assert.DoesNotContain(Secret, entry, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Nothing_that_examples_say_is_logged_also_when_one_cannot_be_used()
    {
        var log = new RecordingLog();
        await using var trial = new TrainingTrial(fixture.NewConnectionString(), model.Folder, TinyModel.Id, _tensors, log);
        string[] files = [$$"""{"prompt":"{{Secret}}","completion":" {{Secret}}"}""", $$"""{"prompt":"{{Secret}}","{{Secret}}":7}"""];
        foreach (string file in files)
        {
            var job = await trial.CreateAsync(
                new FineTuningJobRecord { Epochs = 1, BatchSize = 1, LearningRateMultiplier = 1, LoraRank = 2, LoraAlpha = 4 },
                file + "\n");
            await trial.RunAsync(job);
        }

        Assert.Contains(log.Entries, entry => entry.Contains(nameof(FineTuningStatus.Succeeded), StringComparison.Ordinal));
        Assert.Contains(log.Entries, entry => entry.Contains("cannot be trained: invalid_training_file", StringComparison.Ordinal));
        Assert.Contains(log.Entries, entry => entry.Contains("starts at step 0", StringComparison.Ordinal));
        Assert.All(log.Entries, entry => Assert.DoesNotContain(Secret, entry, StringComparison.Ordinal));
    }

    public void Dispose() => _tensors.Dispose();

    /// <summary>
    /// A shard of three good lines, one that is refused, and one at which the worker fails: it has an unpaired surrogate, which a plan
    /// refuses.
    /// </summary>
    private static Task<BatchRecord> PlanAsync(WorkerUnderTest worker, string modelId)
    {
        string[] bodies =
        [
            .. Enumerable.Range(1, 3).Select(index => $$"""{"model":"{{modelId}}","prompt":"{{Secret}} {{index}}","max_tokens":16}"""),
            $$"""{"model":"{{modelId}}","prompt":"the fox","{{Secret}}":1}""",
            $$"""{"model":"{{modelId}}","prompt":"{{Secret}} \ud800"}""",
        ];
        string[] lines =
            [.. bodies.Select((body, index) => $$"""{"line":{{index + 1}},"custom_id":"{{Secret}} {{index}}","body":{{body}}}""")];
        return worker.PlanAsync([lines], BatchEndpoint.Completions, modelId);
    }

    /// <summary>Consumes the worker's queue as the worker does, until something has been logged.</summary>
    private static async Task ConsumeAsync<T>(
        StorageAccount storage, Func<T, CancellationToken, Task> handler, ILoggerFactory logs, Func<bool> isLogged)
        where T : class
    {
        var options = new QueueConsumerOptions
            { MaxDequeueCount = int.MaxValue, RetryDelay = TimeSpan.Zero, MaxPollingInterval = s_interval };
        using var shutdown = new CancellationTokenSource();
        using var limit = new CancellationTokenSource(s_limit);
        using var timer = new PeriodicTimer(s_interval);
        var consuming = new QueueConsumer<T>(
            storage, StorageNames.GenerateQueue(StorageNames.DefaultProfile),
            options, handler, TimeProvider.System, logs.CreateLogger<WorkerService>()).RunAsync(shutdown.Token);
        while (!isLogged() && await timer.WaitForNextTickAsync(limit.Token))
        {
        }
        await shutdown.CancelAsync();
        await consuming;
    }
}
