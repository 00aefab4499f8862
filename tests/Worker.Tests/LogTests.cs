using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>What a worker logs, at every level: nothing that a line or an example says, and nothing that the model answers.</summary>
public sealed class LogTests(StorageFixture fixture, TinyModel model) : IDisposable
{
    private const string Secret = "nobody may read this", Attempt = "attempt";

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
        var (storage, batch) = await PlannedAsync(modelId);
        var blobs = new BatchBlobs(storage, batch);
        using var models = TinyModel.NewHost(new WorkerOptions { ModelsPath = model.Folder, BatchTokens = 256 }, _tensors, storage);
        var (batches, queues) = (new BatchStore(storage, TimeProvider.System), new WorkQueues(storage));
        var runner = new ShardMessageHandler(
            batches, storage, queues, new ShardDispatcher(storage, batches, queues, TimeProvider.System), new ModelResolver(new ModelCatalog(storage), models), new WorkerOptions(), TimeProvider.System,
            logs.CreateLogger<ShardMessageHandler>());

        string logged = modelId == TinyModel.Id ? "lines done" : "failed at attempt 2";
        await ConsumeAsync<ShardMessage>(storage, runner.RunAsync, logs, () => log.Entries.Any(entry => entry.Contains(logged, StringComparison.Ordinal)));

        if (modelId == TinyModel.Id)
        {
            Assert.Contains(log.Entries, entry => entry.Contains(nameof(InvalidOperationException), StringComparison.Ordinal));
            var part = (await blobs.ReadPartAsync(0, CancellationToken.None)).ToLookup(line => line.IsError);
            Assert.Equal((3, 2), (part[false].Count(), part[true].Count()));
            string[] answers = [.. part[false].Select(line => JsonNode.Parse(line.Json)!["response"]!["body"]!["choices"]![0]!["text"]!.GetValue<string>()).Where(text => text.Length >= MinAnswer)];
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
            var job = await trial.CreateAsync(new FineTuningJobRecord { Epochs = 1, BatchSize = 1, LearningRateMultiplier = 1, LoraRank = 2, LoraAlpha = 4 }, file + "\n");
            await trial.RunAsync(job);
        }

        Assert.Contains(log.Entries, entry => entry.Contains(nameof(FineTuningStatus.Succeeded), StringComparison.Ordinal));
        Assert.Contains(log.Entries, entry => entry.Contains("cannot be trained: invalid_training_file", StringComparison.Ordinal));
        Assert.Contains(log.Entries, entry => entry.Contains("goes on from step 0", StringComparison.Ordinal));
        Assert.All(log.Entries, entry => Assert.DoesNotContain(Secret, entry, StringComparison.Ordinal));
    }

    public void Dispose() => _tensors.Dispose();

    /// <summary>A shard of three good lines, one that is refused, and one at which the worker fails: a plan lets none with half of a character through.</summary>
    private async Task<(StorageAccount Storage, BatchRecord Batch)> PlannedAsync(string modelId)
    {
        var storage = await fixture.NewAccountAsync();
        var batches = new BatchStore(storage, TimeProvider.System);
        var batch = new BatchRecord { PartitionKey = "tenant", Status = BatchStatus.InProgress, Endpoint = BatchEndpoint.Completions, ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1) };
        await batches.AddAsync(batch, inputBytes: 0, CancellationToken.None);
        string[] bodies =
        [
            .. Enumerable.Range(1, 3).Select(index => $$"""{"model":"{{modelId}}","prompt":"{{Secret}} {{index}}","max_tokens":16}"""),
            $$"""{"model":"{{modelId}}","prompt":"the fox","{{Secret}}":1}""",
            $$"""{"model":"{{modelId}}","prompt":"{{Secret}} \ud800"}""",
        ];
        string lines = string.Concat(bodies.Select((body, index) => $$"""{"line":{{index + 1}},"custom_id":"{{Secret}} {{index}}","body":{{body}}}""" + "\n"));
        var blobs = new BatchBlobs(storage, batch);
        await blobs.WriteShardAsync(Attempt, 0, BinaryData.FromString(lines), CancellationToken.None);
        var plan = new BatchPlan(Attempt, modelId, StorageNames.DefaultProfile, bodies.Length, [new PlannedShard(0, bodies.Length)]);
        await blobs.PublishPlanAsync(plan, CancellationToken.None);
        await batches.SetPlannedAsync(batch, plan, CancellationToken.None);
        await new ShardDispatcher(storage, batches, new WorkQueues(storage), TimeProvider.System).FillWindowAsync(batch.Tenant, CancellationToken.None);
        return (storage, batch);
    }

    /// <summary>Consumes the worker's queue as the worker does, until something has been logged.</summary>
    private static async Task ConsumeAsync<T>(StorageAccount storage, Func<T, CancellationToken, Task> handler, ILoggerFactory logs, Func<bool> isLogged)
        where T : class
    {
        var options = new QueueConsumerOptions { MaxDequeueCount = int.MaxValue, RetryDelay = TimeSpan.Zero, MaxPollingInterval = s_interval };
        using var shutdown = new CancellationTokenSource();
        using var limit = new CancellationTokenSource(s_limit);
        using var timer = new PeriodicTimer(s_interval);
        var consuming = new QueueConsumer<T>(storage, StorageNames.GenerateQueue(StorageNames.DefaultProfile), options, handler, TimeProvider.System, logs.CreateLogger<WorkerService>()).RunAsync(shutdown.Token);
        while (!isLogged() && await timer.WaitForNextTickAsync(limit.Token))
        {
        }
        await shutdown.CancelAsync();
        await consuming;
    }
}
