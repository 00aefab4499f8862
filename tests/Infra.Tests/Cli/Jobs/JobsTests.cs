using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Infra.Tests.Cli.Jobs;

/// <summary><c>jobs</c>, with one running batch, one failed batch and one running fine-tuning job.</summary>
public sealed class JobsTests : IAsyncLifetime
{
    private readonly string _connection;
    private readonly StorageAccount _storage;
    private readonly BatchStore _batches;
    private readonly FineTuningStore _fineTuning;
    private readonly BatchRecord _running = new()
    {
        PartitionKey = "acme",
        Status = BatchStatus.InProgress,
        Model = "tiny",
        TotalLines = 5,
        Priority = BatchPriority.Low,
        Endpoint = "/v1/infill",
        ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1),
    };

    private readonly BatchRecord _failed = new()
    {
        PartitionKey = "others",
        Status = BatchStatus.Failed,
        Errors = """
            [{"code":"model_not_found","message":"There is no model 'x'","param":null,"line":3},
             {"code":"a","message":"b","param":null,"line":4}]
            """,
        ExpiresAt = TimeProvider.System.GetUtcNow().AddDays(1),
    };

    private readonly FineTuningJobRecord _job = new()
    {
        PartitionKey = "acme",
        RowKey = SortableKey.Create(TimeProvider.System),
        Status = FineTuningStatus.Running,
        Model = "tiny",
        Step = 7,
        NumSteps = 20,
    };

    public JobsTests(StorageFixture fixture)
    {
        _connection = fixture.NewConnectionString();
        _storage = new StorageAccount(new StorageOptions { ConnectionString = _connection });
        (_batches, _fineTuning) = (new BatchStore(_storage, TimeProvider.System), new FineTuningStore(_storage, TimeProvider.System));
    }

    public async ValueTask InitializeAsync()
    {
        await _storage.EnsureCreatedAsync([StorageNames.DefaultProfile, "a100"], CancellationToken.None);
        await _batches.AddAsync(_running, inputBytes: 0, CancellationToken.None);
        var blobs = new BatchBlobs(_storage, _running);
        var planned = new BatchPlan("attempt", "tiny", "a100", 5, [new PlannedShard(0, 2), new PlannedShard(0, 3)]);
        var plan = await blobs.PublishPlanAsync(planned, CancellationToken.None);
        await _batches.SetPlannedAsync(_running, plan, CancellationToken.None);
        await _batches.Open.UpdateAsync(_running.Key, active => (active.NumReleased = 2) == 2, CancellationToken.None);
        await blobs.Parts.WriteAsync(0, [], new PartCounts(1, 1, 10, 20), CancellationToken.None);
        await blobs.Shards.WriteAttemptsAsync(1, ShardAttempts.Of(3).Begin().Explain("OutOfMemoryException"), CancellationToken.None);
        await _batches.AddAsync(_failed, inputBytes: 0, CancellationToken.None);
        await _batches.Open.DeleteAsync(_failed.Key, CancellationToken.None);
        await _fineTuning.AddAsync(_job, CancellationToken.None);
        var started = new FineTuningEvent(FineTuningEventKind.Started, "Training has started") { Step = 7, Run = 1 };
        await new FineTuningEvents(_storage, TimeProvider.System).AddAsync(_job, started, CancellationToken.None);
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
        Assert.Equal(new[] { _failed.Id, _running.Id, _job.Id }.Order(), all.Select(job => job!["id"]!.GetValue<string>()).Order());
        var failed = all.Single(job => job!["status"]!.GetValue<string>() == "failed")!;
        Assert.Equal("line 3: There is no model 'x' (and 1 more)", failed["reason"]!.GetValue<string>());

        Assert.Equal([_failed.Id], Ids(await DoneAsync("jobs", "list", "--all", "--tenant", "others", "--json")));
        Assert.Equal([_job.Id], Ids(await DoneAsync("jobs", "list", "--all", "--limit", "1", "--json")));
        Assert.Equal(2, Ids(await DoneAsync("jobs", "list", "--tenant", "acme", "--json")).Length);
    }

    [Fact]
    public async Task A_job_is_shown_with_what_its_shards_and_runs_have_come_to()
    {
        var batch = JsonNode.Parse(await DoneAsync("jobs", "show", _running.Id, "--json"))!;
        Assert.Equal("low", batch["priority"]!.GetValue<string>());
        Assert.Equal((2, 1), (batch["shards"]!.GetValue<int>(), batch["shards_answered"]!.GetValue<int>()));
        Assert.Equal("OutOfMemoryException", batch["trouble"]![0]!["reason"]!.GetValue<string>());
        Assert.Contains("Training has started", await DoneAsync("jobs", "show", _job.Id), StringComparison.Ordinal);
        Assert.Contains("model_not_found", await DoneAsync("jobs", "show", _failed.Id), StringComparison.Ordinal);
        Assert.Equal(3, (await Operator.RunAsync("jobs", "show", _failed.Id, "--tenant", "acme", "--connection-string", _connection)).Code);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    public async Task An_attempt_that_a_worker_is_making_is_no_failure(int begun, int failures)
    {
        var blobs = new BatchBlobs(_storage, _running);
        var plan = (await blobs.FindPlanAsync(CancellationToken.None))!;
        await blobs.Shards.WriteAsync(plan.PlanId, 1, BinaryData.FromString(""), CancellationToken.None);
        await blobs.Shards.LeaseOf(plan.PlanId, 1).AcquireAsync(TimeSpan.FromSeconds(60));
        var attempts = ShardAttempts.Of(3);
        for (int attempt = 0; attempt < begun; attempt++)
            attempts = attempts.Begin();
        await blobs.Shards.WriteAttemptsAsync(1, attempts, CancellationToken.None);

        var trouble = JsonNode.Parse(await DoneAsync("jobs", "show", _running.Id, "--json"))!["trouble"]!.AsArray();

        Assert.Equal(failures, trouble.Sum(shard => shard!["failures"]!.GetValue<int>()));
    }

    [Fact]
    public async Task Cancelling_asks_for_the_end_once_and_an_ended_job_stays_as_it_is()
    {
        await DoneAsync("jobs", "cancel", _running.Id);
        await DoneAsync("jobs", "cancel", _running.Id);
        Assert.Equal(BatchStatus.Cancelling, (await _batches.FindAsync("acme", _running.Id, CancellationToken.None))!.Status);
        Assert.Equal(1, await CountAsync(StorageNames.FinishQueue));

        await DoneAsync("jobs", "cancel", _job.Id);
        Assert.Equal(FineTuningStatus.Cancelled, (await _fineTuning.FindAsync("acme", _job.Id, CancellationToken.None))!.Status);
        Assert.Equal(1, await CountAsync(StorageNames.FinishTrainingQueue));
        string refused = await Operator.RefusedAsync(_connection, "jobs", "cancel", _job.Id);
        Assert.Contains("is cancelled and cannot be", refused, StringComparison.Ordinal);
        refused = await Operator.RefusedAsync(_connection, "jobs", "cancel", _failed.Id);
        Assert.Contains("is failed and cannot be", refused, StringComparison.Ordinal);
    }

    private static string[] Ids(string json) => [.. JsonNode.Parse(json)!.AsArray().Select(job => job!["id"]!.GetValue<string>())];

    private async Task<int> CountAsync(string queue) => (await _storage.Queue(queue).GetPropertiesAsync()).Value.ApproximateMessagesCount;

    private Task<string> DoneAsync(params string[] args) => Operator.DoneAsync(_connection, args);
}
