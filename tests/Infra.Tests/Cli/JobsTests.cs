using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Infra.Tests.Cli;

/// <summary><c>jobs</c> and <c>poison</c>, over one batch at work, one that failed, and one training.</summary>
public sealed class JobsTests : IAsyncLifetime
{
    private readonly string _connection;
    private readonly StorageAccount _storage;
    private readonly BatchStore _batches;
    private readonly FineTuningStore _trainings;
    private readonly BatchRecord _running = new() { PartitionKey = "acme", Status = BatchStatus.InProgress, Model = "tiny", TotalLines = 5, Endpoint = "/v1/infill", ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1) };
    private readonly BatchRecord _failed = new()
    {
        PartitionKey = "others",
        Status = BatchStatus.Failed,
        Errors = """[{"code":"model_not_found","message":"There is no model 'x'","param":null,"line":3},{"code":"a","message":"b","param":null,"line":4}]""",
        ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1),
    };
    private readonly FineTuningJobRecord _training = new() { PartitionKey = "acme", RowKey = SortableKey.Create(TimeProvider.System), Status = FineTuningStatus.Running, Model = "tiny", Step = 7, NumSteps = 20 };

    public JobsTests(StorageFixture fixture)
    {
        _connection = fixture.NewConnectionString();
        _storage = new StorageAccount(new StorageOptions { ConnectionString = _connection });
        (_batches, _trainings) = (new BatchStore(_storage, TimeProvider.System), new FineTuningStore(_storage, TimeProvider.System));
    }

    public async ValueTask InitializeAsync()
    {
        await _storage.EnsureCreatedAsync([StorageNames.DefaultProfile, "a100"], CancellationToken.None);
        await _batches.AddAsync(_running, inputBytes: 0, CancellationToken.None);
        var blobs = new BatchBlobs(_storage, _running);
        var plan = await blobs.PublishPlanAsync(new BatchPlan("attempt", "tiny", "a100", 5, [new PlannedShard(0, 2), new PlannedShard(0, 3)]), CancellationToken.None);
        await _batches.SetPlannedAsync(_running, plan, CancellationToken.None);
        await _batches.Open.UpdateAsync(_running.Key, active => (active.NumReleased = 2) == 2, CancellationToken.None);
        await blobs.WritePartAsync(0, [], new PartCounts(1, 1, 10, 20), CancellationToken.None);
        await blobs.WriteAttemptsAsync(1, ShardAttempts.Of(3).Begin().Explain("OutOfMemoryException"), CancellationToken.None);
        await _batches.AddAsync(_failed, inputBytes: 0, CancellationToken.None);
        await _batches.Open.DeleteAsync(_failed.Key, CancellationToken.None);
        await _trainings.AddAsync(_training, CancellationToken.None);
        await new FineTuningEvents(_storage, TimeProvider.System).AddAsync(
            _training, new FineTuningEvent(FineTuningEventKind.Started, "Training has started") { Step = 7, Run = 1 }, CancellationToken.None);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Jobs_that_have_something_left_to_do_are_listed_and_with_all_the_ended_ones_with_their_reason()
    {
        string listed = await DoneAsync("jobs", "list");
        Assert.Contains(_running.Id, listed, StringComparison.Ordinal);
        Assert.Contains("1/5, 1 failed", listed, StringComparison.Ordinal);
        Assert.Contains("7/20", listed, StringComparison.Ordinal);
        Assert.DoesNotContain(_failed.Id, listed, StringComparison.Ordinal);

        var all = JsonNode.Parse(await DoneAsync("jobs", "list", "--all", "--json"))!.AsArray();
        Assert.Equal(new[] { _failed.Id, _running.Id, _training.Id }.Order(), all.Select(job => job!["id"]!.GetValue<string>()).Order());
        Assert.Equal("line 3: There is no model 'x' (and 1 more)", all.Single(job => job!["status"]!.GetValue<string>() == "failed")!["reason"]!.GetValue<string>());

        Assert.Equal([_failed.Id], Ids(await DoneAsync("jobs", "list", "--all", "--tenant", "others", "--json")));
        Assert.Equal([_training.Id], Ids(await DoneAsync("jobs", "list", "--all", "--limit", "1", "--json")));
        Assert.Equal(2, Ids(await DoneAsync("jobs", "list", "--tenant", "acme", "--json")).Length);
    }

    [Fact]
    public async Task An_attempt_in_progress_is_no_trouble_and_one_whose_worker_died_is()
    {
        var blobs = new BatchBlobs(_storage, _running);
        await blobs.WriteShardAsync("attempt", 1, BinaryData.FromString("{}"), CancellationToken.None);
        var lease = blobs.LeaseOf("attempt", 1);
        await lease.AcquireAsync(TimeSpan.FromSeconds(60));

        await blobs.WriteAttemptsAsync(1, ShardAttempts.Of(3).Begin(), CancellationToken.None);
        Assert.Empty(await TroubleAsync());
        await blobs.WriteAttemptsAsync(1, ShardAttempts.Of(3).Begin().Explain("IOException").Begin(), CancellationToken.None);
        Assert.Equal(1, Assert.Single(await TroubleAsync())!["failures"]!.GetValue<int>());
        await lease.ReleaseAsync();
        Assert.Equal(2, Assert.Single(await TroubleAsync())!["failures"]!.GetValue<int>());

        async Task<JsonArray> TroubleAsync() => JsonNode.Parse(await DoneAsync("jobs", "show", _running.Id, "--json"))!["trouble"]!.AsArray();
    }

    [Fact]
    public async Task A_job_is_shown_with_what_its_shards_and_runs_have_come_to()
    {
        var batch = JsonNode.Parse(await DoneAsync("jobs", "show", _running.Id, "--json"))!;
        Assert.Equal((2, 1), (batch["shards"]!.GetValue<int>(), batch["shards_answered"]!.GetValue<int>()));
        Assert.Equal("OutOfMemoryException", batch["trouble"]![0]!["reason"]!.GetValue<string>());
        Assert.Contains("Training has started", await DoneAsync("jobs", "show", _training.Id), StringComparison.Ordinal);
        Assert.Contains("model_not_found", await DoneAsync("jobs", "show", _failed.Id), StringComparison.Ordinal);
        Assert.Equal(2, (await Operator.RunAsync("jobs", "show", _failed.Id, "--tenant", "acme", "--connection-string", _connection)).Code);
    }

    [Fact]
    public async Task Cancelling_asks_for_the_end_once_and_an_ended_job_stays_as_it_is()
    {
        await DoneAsync("jobs", "cancel", _running.Id);
        await DoneAsync("jobs", "cancel", _running.Id);
        Assert.Equal(BatchStatus.Cancelling, (await _batches.FindAsync("acme", _running.Id, CancellationToken.None))!.Status);
        Assert.Equal(1, await CountAsync(StorageNames.FinishQueue));

        await DoneAsync("jobs", "cancel", _training.Id);
        Assert.Equal(FineTuningStatus.Cancelled, (await _trainings.FindAsync("acme", _training.Id, CancellationToken.None))!.Status);
        Assert.Equal(1, await CountAsync(StorageNames.FinishTrainingQueue));
        Assert.Contains("is cancelled and cannot be", await Operator.RefusedAsync(_connection, "jobs", "cancel", _training.Id), StringComparison.Ordinal);
        Assert.Contains("is failed and cannot be", await Operator.RefusedAsync(_connection, "jobs", "cancel", _failed.Id), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_webhook_about_a_training_goes_back_once_the_training_has_ended()
    {
        string webhook = $$"""{"tenant":"acme","endpoint":"e","batch":null,"attempt":0,"job":"{{_training.RowKey}}"}""";
        await SendAsync("webhook-poison", webhook);
        Assert.Equal((0, 1, 0), Counts(await DoneAsync("poison", "redrive", "--queue", "webhook", "--json")));

        await DoneAsync("jobs", "cancel", _training.Id);
        await SendAsync("webhook-poison", webhook);
        Assert.Equal((1, 0, 0), Counts(await DoneAsync("poison", "redrive", "--queue", "webhook", "--json")));
    }

    [Fact]
    public async Task Poison_goes_back_to_its_queue_where_its_job_needs_it_and_is_listed_with_that_job()
    {
        string shard = $$"""{"tenant":"acme","batch":"{{_running.RowKey}}","attempt":"attempt","shard":1}""";
        await SendAsync("generate-a100-poison", shard, $$"""{"tenant":"others","batch":"{{_failed.RowKey}}","attempt":"a","shard":0}""", """{"tenant":"acme","batch":"gone"}""", "no message", "null");
        await SendAsync("webhook-poison", $$"""{"tenant":"others","endpoint":"e","batch":"{{_failed.RowKey}}","attempt":0}""");
        await SendAsync("train-a100-poison", $$"""{"tenant":"acme","job":"{{_training.RowKey}}"}""");
        await SendAsync("somebody-else-poison", shard);

        var listed = JsonNode.Parse(await DoneAsync("poison", "list", "--json"))!.AsArray();
        Assert.Equal(7, listed.Count);
        Assert.Equal(["in_progress", "failed", "gone", null, null, "running", "failed"], listed.Select(message => message!["state"]?.GetValue<string>()));
        Assert.Equal(_running.Id, listed[0]!["job"]!.GetValue<string>());

        Assert.Equal((1, 2, 2), Counts(await DoneAsync("poison", "redrive", "--queue", "generate-a100", "--json")));
        Assert.Equal(shard, (await _storage.Queue("generate-a100").PeekMessageAsync()).Value.Body.ToString());
        Assert.Equal((1, 1), (await CountAsync("train-a100-poison"), await CountAsync("webhook-poison")));

        await DoneAsync("poison", "redrive", "--all");
        Assert.Equal((1, 1), (await CountAsync("train-a100"), await CountAsync("webhook")));
        Assert.Equal((0, 0, 2), Counts(await DoneAsync("poison", "redrive", "--queue", "generate-a100-poison", "--json")));
        Assert.Equal((1, 2), (await CountAsync("generate-a100"), await CountAsync("generate-a100-poison")));
        Assert.Equal(1, await CountAsync("somebody-else-poison"));
    }

    [Fact]
    public async Task Many_messages_that_two_redrive_at_once_are_not_lost()
    {
        const int Count = 50;
        for (int shard = 0; shard < Count; shard++)
            await SendAsync("generate-a100-poison", $$"""{"tenant":"acme","batch":"{{_running.RowKey}}","attempt":"attempt","shard":{{shard}}}""");
        Assert.Contains($"has {Count} messages, 32 of them shown", await DoneAsync("poison", "list"), StringComparison.Ordinal);

        await Task.WhenAll(DoneAsync("poison", "redrive", "--all"), DoneAsync("poison", "redrive", "--all"));

        Assert.Equal((0, Count), (await CountAsync("generate-a100-poison"), await CountAsync("generate-a100")));
    }

    private static string[] Ids(string json) => [.. JsonNode.Parse(json)!.AsArray().Select(job => job!["id"]!.GetValue<string>())];

    private static (int Sent, int Dropped, int Kept) Counts(string json)
    {
        var queue = Assert.Single(JsonNode.Parse(json)!.AsArray())!;
        return (queue["num_sent"]!.GetValue<int>(), queue["num_dropped"]!.GetValue<int>(), queue["num_kept"]!.GetValue<int>());
    }

    private async Task SendAsync(string queue, params string[] messages)
    {
        await _storage.Queue(queue).CreateIfNotExistsAsync();
        foreach (string message in messages)
            await _storage.Queue(queue).SendMessageAsync(message);
    }

    private async Task<int> CountAsync(string queue) => (await _storage.Queue(queue).GetPropertiesAsync()).Value.ApproximateMessagesCount;

    private Task<string> DoneAsync(params string[] args) => Operator.DoneAsync(_connection, args);
}
