using Azure.Data.Tables;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Usage;
using static LLaDA.Batch.Testing.StoredRows;

namespace LLaDA.Batch.Shared.Tests.Stored;

/// <summary>
/// Rows as stored by earlier versions, written here by their column names: each is read completely, and written back with the same columns
/// and values. A property may be renamed, its column may not.
/// </summary>
public sealed class StoredRowTests(StorageFixture fixture)
{
    private const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    private static readonly DateTimeOffset s_time = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    [Fact]
    public async Task A_batch() => await fixture.AssertKeptAsync<BatchRecord>(
        StorageNames.BatchesTable,
        new()
        {
            ["Status"] = "Cancelling", ["Endpoint"] = "/v1/infill", ["InputFileId"] =
                "file-1", ["InputFolder"] = "{}", ["OutputFolder"] = "{}",
            ["DocumentBody"] = "{}", ["CompletionWindow"] = "24h", ["Metadata"] = "{}", ["Model"] = "org/model", ["Errors"] = "[]",
            ["TotalLines"] = 7, ["CompletedLines"] = 4, ["FailedLines"] = 3, ["PromptTokens"] = 10L, ["CompletionTokens"] = 20L,
            ["OutputFileKey"] = "o", ["ErrorFileKey"] = "e", ["OutputFileId"] =
                "file-o", ["ErrorFileId"] = "file-e", ["OutputSeconds"] = 3600,
            ["WorkDeletedAt"] = s_time, ["TraceParent"] = Trace, ["CreatedAt"] = s_time, ["ExpiresAt"] = s_time, ["InProgressAt"] = s_time,
            ["FinalizingAt"] = s_time, ["CompletedAt"] = s_time, ["FailedAt"] = s_time, ["ExpiredAt"] = s_time, ["CancellingAt"] = s_time,
            ["CancelledAt"] = s_time,
        },
        batch => Assert.Equal(
            (BatchStatus.Cancelling, "batch_" + Key, 7, s_time), (batch.Status, batch.Id, batch.TotalLines, batch.CancellingAt)),
        added: [("IsStreamed", false), ("Priority", "Normal")]);

    [Fact]
    public async Task A_batch_with_a_priority_and_a_webhook() => await fixture.AssertKeptAsync<BatchRecord>(
        StorageNames.BatchesTable,
        new()
        {
            ["Status"] = "Completed", ["Endpoint"] = "/v1/infill", ["CompletionWindow"] = "24h", ["CreatedAt"] = s_time,
            ["ExpiresAt"] = s_time, ["TotalLines"] = 1, ["CompletedLines"] = 1, ["FailedLines"] = 0, ["PromptTokens"] = 1L,
            ["CompletionTokens"] = 2L, ["ErrorCounts"] = "no_gap:1", ["EstimatedTokens"] = 9L, ["ParentKey"] = Key,
            ["WithoutGaps"] = "copy", ["IsStreamed"] = false, ["Priority"] = "High", ["WebhookUrl"] = "https://example.com/",
            ["WebhookEvents"] = "batch.completed,batch.failed", ["SealedWebhookSecret"] = "c2VhbGVk",
        },
        batch => Assert.Equal(
            (BatchPriority.High, "https://example.com/", "c2VhbGVk"), (batch.Priority, batch.WebhookUrl, batch.SealedWebhookSecret)));

    [Fact]
    public async Task What_a_batch_has_used() => await fixture.AssertKeptAsync<UsageRecord>(
        StorageNames.UsageTable,
        new()
        {
            ["Model"] = "org/model", ["Endpoint"] = "/v1/infill", ["CompletedLines"] = 4, ["FailedLines"] = 3, ["PromptTokens"] = 10L,
            ["CompletionTokens"] = 20L,
        },
        used => Assert.Equal((s_time, "org/model", 4, 20L), (used.EndedAt, used.Model, used.CompletedLines, used.CompletionTokens)),
        key: $"20260102030405|{Key}");

    [Theory]
    [InlineData("Validating", BatchStatus.Validating)]
    [InlineData("InProgress", BatchStatus.InProgress)]
    [InlineData("Finalizing", BatchStatus.Finalizing)]
    [InlineData("Completed", BatchStatus.Completed)]
    [InlineData("Failed", BatchStatus.Failed)]
    [InlineData("Expired", BatchStatus.Expired)]
    [InlineData("Cancelled", BatchStatus.Cancelled)]
    public async Task A_status_of_a_batch(string stored, BatchStatus status) => await fixture.AssertReadAsync<BatchRecord>(
        StorageNames.BatchesTable, new() { ["Status"] = stored }, batch => Assert.Equal(status, batch.Status));

    [Fact]
    public async Task An_open_batch() => await fixture.AssertKeptAsync<OpenBatchRow>(
        StorageNames.ActiveTable,
        new()
        {
            ["Tenant"] = "acme", ["InputBytes"] = 5L, ["Profile"] = "gpu", ["Attempt"] = "plan-1", ["NumShards"] = 9, ["NumReleased"] = 4,
            ["ReleasedAt"] = s_time,
        },
        open => Assert.Equal(("plan-1", new JobKey("acme", Key), 9), (open.PlanId, open.Job, open.NumShards)),
        partition: "batch",
        key: $"acme|{Key}",
        added: [("PlanFaults", 0), ("ShardSeconds", 0.0), ("Priority", "Normal")]);

    [Theory]
    [InlineData("Low", BatchPriority.Low)]
    [InlineData("Normal", BatchPriority.Normal)]
    [InlineData("High", BatchPriority.High)]
    public async Task An_open_batch_with_a_priority(string stored, BatchPriority priority) => await fixture.AssertKeptAsync<OpenBatchRow>(
        StorageNames.ActiveTable,
        new()
        {
            ["Tenant"] = "acme", ["InputBytes"] = 5L, ["Profile"] = "gpu", ["Attempt"] = "plan-1", ["NumShards"] = 9, ["NumReleased"] = 0,
            ["PlanFaults"] = 0, ["ShardSeconds"] = 5.5, ["Priority"] = stored, ["ExpiresAt"] = s_time, ["PlannedAt"] = s_time,
            ["PlanSentAt"] = s_time,
        },
        open => Assert.Equal((priority, s_time, s_time), (open.Priority, open.ExpiresAt, open.WaitingSince)),
        partition: "batch",
        key: $"acme|{Key}");

    [Fact]
    public async Task An_open_fine_tuning_job() => await fixture.AssertKeptAsync<OpenFineTuningRow>(
        StorageNames.ActiveTable, new() { ["Tenant"] = "acme" }, open =>
            Assert.Equal(new JobKey("acme", Key), open.Job), "fine_tuning", $"acme|{Key}",
        added: ("PlanFaults", 0));

    [Fact]
    public async Task A_fine_tuning_job() => await fixture.AssertKeptAsync<FineTuningJobRecord>(
        StorageNames.FineTuningTable,
        new()
        {
            ["Status"] = "Running", ["Method"] = "Pretrain", ["Model"] =
                "org/model", ["TrainingFileId"] = "file-1", ["ValidationFileId"] = "file-2",
            ["Suffix"] = "mine", ["Seed"] = 1, ["Metadata"] = "{}", ["Epochs"] = 3, ["BatchSize"] = 8, ["LearningRateMultiplier"] = 0.5,
            ["LoraRank"] = 16, ["LoraAlpha"] = 32.0, ["MinNoise"] = 0.1, ["MaxNoise"] = 0.9, ["ScheduleKey"] = "s", ["Sources"] = "b",
            ["ScheduledFolder"] = "{}", ["Profile"] = "gpu", ["NumExamples"] = 100, ["NumSteps"] = 50, ["Epoch"] = 4, ["FailedRuns"] = 1,
            ["CheckpointEpoch"] = 3, ["CheckpointStep"] = 40, ["TrainedTokens"] = 12_345L, ["Step"] = 44, ["EstimatedFinishAt"] = s_time,
            ["ResultFileKey"] = "r", ["ResultFileId"] = "file-r", ["FineTunedModel"] = "ft:m", ["ErrorCode"] = "c", ["ErrorMessage"] = "m",
            ["ErrorParam"] = "p", ["TraceParent"] = Trace, ["CreatedAt"] = s_time, ["QueuedAt"] = s_time, ["FinishedAt"] = s_time,
        },
        job =>
        {
            Assert.Equal((FineTuningStatus.Running, FineTuningMethod.Pretrain), (job.Status, job.Method));
            Assert.Equal((4, 3, 40, 3), (job.RunNumber, job.CheckpointRun, job.CheckpointStep, job.Epochs));
            Assert.Equal(LongExamples.Cut, job.LongExamples);
        },
        added: [("LongExamples", "Cut"), ("MasksEveryRow", false), ("NormalizesLength", false)]);

    [Theory]
    [InlineData("ValidatingFiles", FineTuningStatus.ValidatingFiles)]
    [InlineData("Queued", FineTuningStatus.Queued)]
    [InlineData("Paused", FineTuningStatus.Paused)]
    [InlineData("Succeeded", FineTuningStatus.Succeeded)]
    [InlineData("Failed", FineTuningStatus.Failed)]
    [InlineData("Cancelled", FineTuningStatus.Cancelled)]
    public async Task A_status_of_a_fine_tuning_job(string stored, FineTuningStatus status) =>
        await fixture.AssertReadAsync<FineTuningJobRecord>(
            StorageNames.FineTuningTable, new() { ["Status"] = stored, ["Method"] = "Supervised" },
            job => Assert.Equal(status, job.Status));

    [Fact]
    public async Task A_checkpoint() => await fixture.AssertKeptAsync<CheckpointRecord>(
        StorageNames.CheckpointsTable,
        new() { ["Step"] = 40, ["Epoch"] = 3, ["Model"] = "ft:m", ["TrainLoss"] = 1.5, ["ValidLoss"] = 2.5, ["CreatedAt"] = s_time },
        checkpoint => Assert.Equal((3, 40), (checkpoint.RunNumber, checkpoint.Step)));

    [Fact]
    public async Task An_event() => await fixture.AssertKeptAsync<FineTuningEventRecord>(
        StorageNames.EventsTable,
        new() { ["Level"] = "info", ["Message"] = "Created", ["Data"] = "{}", ["CreatedAt"] = s_time },
        entry => Assert.Equal(("Created", "{}"), (entry.Message, entry.Data)));

    [Theory]
    [InlineData("Known", ModelState.Available)]
    [InlineData("Leaving", ModelState.Leaving)]
    [InlineData("Gone", ModelState.Gone)]
    public async Task A_model(string stored, ModelState state) => await fixture.AssertKeptAsync<ModelRecord>(
        StorageNames.ModelsTable,
        new()
        {
            ["Id"] = "org/model", ["Profile"] = "gpu", ["ContextLength"] = 4096, ["TokenForwardsPerSecond"] = 9.5, ["Folder"] = "acme/f",
            ["BaseModel"] = "org/base", ["State"] = stored, ["CreatedAt"] = s_time,
        },
        model => Assert.Equal((state, "org/model", 4096), (model.State, model.Id, model.ContextLength)),
        added: [("Family", ""), ("NumParameters", 0L), ("NumActiveParameters", 0L), ("Weights", "")]);

    [Fact]
    public async Task A_model_in_8_bits() => await fixture.AssertKeptAsync<ModelRecord>(
        StorageNames.ModelsTable,
        new()
        {
            ["Id"] = "org/model", ["Profile"] = "gpu", ["ContextLength"] = 4096, ["TokenForwardsPerSecond"] = 9.5, ["Folder"] = "acme/f",
            ["BaseModel"] = "", ["State"] = "Known", ["CreatedAt"] = s_time, ["Weights"] = "Int8", ["Family"] = "LLaDA",
            ["NumParameters"] = 5L, ["NumActiveParameters"] = 5L,
        },
        model => Assert.Equal(ModelWeights.Int8, model.Weights));

    [Fact]
    public async Task A_file() => await fixture.AssertKeptAsync<FileRecord>(
        StorageNames.FilesTable,
        new() { ["Filename"] = "a.jsonl", ["Purpose"] = "batch", ["Bytes"] = 5L, ["CreatedAt"] = s_time, ["ExpiresAt"] = s_time },
        file => Assert.Equal(("file-" + Key, 5L, s_time), (file.Id, file.Bytes, file.ExpiresAt)));

    [Fact]
    public async Task A_key() => await fixture.AssertKeptAsync<ApiKeyRecord>(
        StorageNames.KeysTable,
        new() { ["Name"] = "laptop", ["Tenant"] = "acme", ["SecretHash"] = "00ff", ["CreatedAt"] = s_time, ["RevokedAt"] = s_time },
        key => Assert.Equal(("acme", "00ff", s_time), (key.Tenant, key.SecretHash, key.RevokedAt)),
        added: ("MaxPriority", "High"));

    [Fact]
    public async Task Limits_of_a_tenant() => await fixture.AssertKeptAsync<TenantLimitsRecord>(
        StorageNames.KeysTable,
        new() { ["StoredBytes"] = 5L, ["StoredFiles"] = 6, ["RequestsPerSecond"] = 7, ["UploadsAtOnce"] = 8 },
        limits => Assert.Equal((Key, 5L), (limits.Tenant, limits.StoredBytes)),
        added: ("MaxPriority", "High"));

    [Fact]
    public async Task A_schedule() => await fixture.AssertKeptAsync<ScheduleRecord>(
        StorageNames.SchedulesTable,
        new()
        {
            ["Definition"] = "{}", ["IsPaused"] = true, ["NextAt"] = s_time, ["Waiting"] = "1,2", ["NumWaiting"] = 2, ["LastJobKey"] = "j",
            ["LastModel"] = "ft:m", ["Seen"] = "b", ["CreatedAt"] = s_time, ["DeletedAt"] = s_time,
        },
        schedule => Assert.Equal((2, true, 2), (schedule.GetWaiting().Count, schedule.IsPaused, schedule.NumWaiting)));

    [Theory]
    [InlineData("JobCreated", ScheduleRunStatus.JobCreated)]
    [InlineData("Skipped", ScheduleRunStatus.Skipped)]
    [InlineData("Missed", ScheduleRunStatus.Missed)]
    [InlineData("Failed", ScheduleRunStatus.Failed)]
    public async Task An_outcome_of_a_schedule(string stored, ScheduleRunStatus status) => await fixture.AssertKeptAsync<ScheduleRunRecord>(
        StorageNames.ScheduleRunsTable,
        new()
        {
            ["DueAt"] = s_time, ["Status"] = stored, ["Reason"] = "overlap", ["Message"] = "why", ["ThroughAt"] = s_time, ["NumMissed"] = 3,
            ["Model"] = "m", ["Sources"] = "s", ["NumBlobs"] = 4, ["LastModel"] = "l", ["Seen"] = "b", ["CreatedAt"] = s_time,
        },
        run => Assert.Equal((status, 3, 4), (run.Status, run.NumMissed, run.NumBlobs)));

    [Fact]
    public async Task A_bound_container() => await fixture.AssertReadAsync<ContainerRecord>(
        StorageNames.ContainersTable,
        new() { ["Container"] = "docs", ["AccountUrl"] = "https://a.blob.core.windows.net/" },
        bound => Assert.Equal(("docs", Key), (bound.Container, bound.Name)));

    [Fact]
    public async Task Filters_name_columns_that_are_stored()
    {
        var storage = await fixture.NewAccountAsync();
        await storage.Table(StorageNames.ModelsTable)
            .AddEntityAsync(new TableEntity(Partition, "6d") { ["Id"] = "m", ["State"] = "Known" });
        await storage.Table(StorageNames.ModelsTable).AddEntityAsync(new TableEntity(Partition, "6e") { ["Id"] = "n", ["State"] = "Gone" });

        var known = await new ModelCatalog(storage).ListAllAsync(CancellationToken.None).ToListAsync();

        Assert.Equal("m", Assert.Single(known).Id);
    }
}
