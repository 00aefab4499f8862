using System.Text.Json;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Files;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Models;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Tests.Http;

/// <summary>The objects on the wire keep their names and their order, whatever becomes of the C# records behind them.</summary>
public sealed class WireTextTests
{
    private const string Key = "7720b6845cceffba14408ff7481c";

    private static readonly DateTimeOffset s_time = DateTimeOffset.FromUnixTimeSeconds(1_700_000_000);

    [Fact]
    public void A_file_is_written_as_before() => AssertWritten(
        """
        {"id":"file-7720b6845cceffba14408ff7481c","bytes":12,"created_at":1700000000,"expires_at":1700000000
        ,"filename":"a.jsonl","purpose":"batch","object":"file","status":"processed"}
        """,
        FileObject.From(new FileRecord
        {
            PartitionKey = "t",
            RowKey = Key,
            Bytes = 12,
            CreatedAt = s_time,
            ExpiresAt = s_time,
            Filename = "a.jsonl",
            Purpose = "batch",
        }));

    [Fact]
    public void A_model_is_written_as_before() => AssertWritten(
        """
        {"id":"m","created":1700000000,"owned_by":"system","context_length":512,"object":"model"}
        """,
        ModelObject.From(new ModelRecord { PartitionKey = ModelRecord.EveryTenant, Id = "m", ContextLength = 512, CreatedAt = s_time }));

    [Fact]
    public void A_batch_is_written_as_before() => AssertWritten(
        """
        {"id":"batch_7720b6845cceffba14408ff7481c","object":"batch","endpoint":"/v1/infill","model":null
        ,"errors":null,"input_file_id":"file-1","completion_window":"24h","priority":"normal","status":"validating","output_file_id":null
        ,"error_file_id":null,"created_at":1700000000,"in_progress_at":null,"expires_at":1700000000
        ,"finalizing_at":null,"completed_at":null,"failed_at":null,"expired_at":null,"cancelling_at":null
        ,"cancelled_at":null,"request_counts":{"total":0,"completed":1,"failed":2},"usage":{"input_tokens":3
        ,"output_tokens":4,"input_tokens_details":{"cached_tokens":0},"output_tokens_details":{"reasoning_tokens":0}
        ,"total_tokens":7},"metadata":{"a":"b"},"parent_batch_id":null,"estimated_completion_at":null
        ,"error_counts":{},"progress":null}
        """,
        BatchObject.From(
            new BatchRecord
            {
                PartitionKey = "t",
                RowKey = Key,
                Endpoint = "/v1/infill",
                InputFileId = "file-1",
                CompletionWindow = "24h",
                CreatedAt = s_time,
                ExpiresAt = s_time,
                Metadata = """{"a":"b"}""",
            },
            new PartCounts(1, 2, 3, 4)));

    [Fact]
    public void A_part_is_written_as_before() => AssertWritten(
        """
        {"index":1,"completed":2,"failed":3,"usage":{"input_tokens":4,"output_tokens":5
        ,"input_tokens_details":{"cached_tokens":0},"output_tokens_details":{"reasoning_tokens":0},"total_tokens":9}
        ,"object":"batch.part"}
        """,
        BatchPartObject.From(1, new PartCounts(2, 3, 4, 5)));

    [Fact]
    public void A_fine_tuning_job_is_written_as_before() => AssertWritten(
        """
        {"id":"ftjob-7720b6845cceffba14408ff7481c","model":"m","status":"failed","created_at":1700000000
        ,"finished_at":1700000000,"fine_tuned_model":"ft","training_file":"file-1","validation_file":"file-2"
        ,"result_files":["file-3"],"hyperparameters":{"n_epochs":3,"batch_size":"auto","learning_rate_multiplier":0.5
        ,"lora":{"rank":16,"alpha":32},"noise":{"min":0.25,"max":0.75}},"method":{"type":"supervised"
        ,"supervised":{"hyperparameters":{"n_epochs":3,"batch_size":"auto","learning_rate_multiplier":0.5
        ,"lora":{"rank":16,"alpha":32},"noise":{"min":0.25,"max":0.75}}}},"trained_tokens":100,"error":{"code":"code"
        ,"message":"message","param":"training_file"},"user_provided_suffix":"s","seed":7,"estimated_finish":null
        ,"metadata":{"a":"b"},"object":"fine_tuning.job","organization_id":"","integrations":[]}
        """,
        FineTuningJobObject.From(
            new FineTuningJobRecord
            {
                PartitionKey = "t",
                RowKey = Key,
                Model = "m",
                Status = FineTuningStatus.Failed,
                CreatedAt = s_time,
                FinishedAt = s_time,
                FineTunedModel = "ft",
                TrainingFileId = "file-1",
                ValidationFileId = "file-2",
                ResultFileId = "file-3",
                Epochs = 3,
                LearningRateMultiplier = 0.5,
                LoraRank = 16,
                LoraAlpha = 32,
                MinNoise = 0.25,
                MaxNoise = 0.75,
                TrainedTokens = 100,
                ErrorCode = "code",
                ErrorMessage = "message",
                ErrorParam = "training_file",
                Suffix = "s",
                Seed = 7,
                Metadata = """{"a":"b"}""",
            },
            s_time));

    [Fact]
    public void An_event_is_written_as_before() => AssertWritten(
        """
        {"id":"ftevent-7720b6845cceffba14408ff7481c5","created_at":1700000000,"level":"info","message":"text"
        ,"type":"metrics","data":{"step":1},"object":"fine_tuning.job.event"}
        """,
        FineTuningEventObject.From(
            new FineTuningJobRecord { PartitionKey = "t", RowKey = Key },
            new FineTuningEventRecord { RowKey = "5", CreatedAt = s_time, Level = "info", Message = "text", Data = """{"step":1}""" }));

    [Fact]
    public void A_checkpoint_is_written_as_before() => AssertWritten(
        """
        {"id":"ftckpt_p5","created_at":1700000000,"fine_tuned_model_checkpoint":"m:ckpt-step-2","step_number":2
        ,"metrics":{"step":2,"train_loss":1.5,"valid_loss":2.5,"full_valid_loss":2.5}
        ,"fine_tuning_job_id":"ftjob-7720b6845cceffba14408ff7481c","object":"fine_tuning.job.checkpoint"}
        """,
        CheckpointObject.From(
            new FineTuningJobRecord { PartitionKey = "t", RowKey = Key },
            new CheckpointRecord
            {
                PartitionKey = "p",
                RowKey = "5",
                CreatedAt = s_time,
                Model = "m:ckpt-step-2",
                Step = 2,
                TrainLoss = 1.5,
                ValidLoss = 2.5,
            }));

    [Fact]
    public void A_schedule_is_written_as_before() => AssertWritten(
        """
        {"id":"sched_7720b6845cceffba14408ff7481c","created_at":1700000000,"status":"active","cron":"0 1 * * *"
        ,"time_zone":"UTC","next_run_at":1700000000,"waiting_runs":0,"job":{"model":"m"},"start_from":"last_result"
        ,"training_data":{"container":"c","prefix":"p/","select":"new"},"overlap":"queue","missed":"skip"
        ,"last_job":"ftjob-7720b6845cceffba14408ff7481c","metadata":{"a":"b"},"object":"schedule"}
        """,
        ScheduleObject.From(new ScheduleRecord
        {
            PartitionKey = "t",
            RowKey = Key,
            CreatedAt = s_time,
            NextAt = s_time,
            LastJobKey = Key,
            Definition = OneLine(Definition),
        }));

    [Fact]
    public void The_definition_of_a_schedule_is_kept_as_before() =>
        Assert.Equal(OneLine(Definition), ScheduleDefinition.FromJson(OneLine(Definition)).ToJson());

    [Fact]
    public void An_outcome_of_a_schedule_is_written_as_before() => AssertWritten(
        """
        {"id":"run_7720b6845cceffba14408ff7481c","due_at":1700000000,"created_at":1700000000,"status":"job_created"
        ,"reason":"reason","message":"message","fine_tuning_job":"ftjob-7720b6845cceffba14408ff7481c","model":"m"
        ,"blobs":3,"missed_runs":2,"through_at":1700000000,"object":"schedule.run"}
        """,
        ScheduleRunObject.From(new ScheduleRunRecord
        {
            PartitionKey = "p",
            RowKey = Key,
            DueAt = s_time,
            CreatedAt = s_time,
            Status = ScheduleRunStatus.JobCreated,
            Reason = "reason",
            Message = "message",
            Model = "m",
            NumBlobs = 3,
            NumMissed = 2,
            ThroughAt = s_time,
        }));

    [Fact]
    public void A_webhook_endpoint_is_written_as_before() => AssertWritten(
        """
        {"id":"we_7720b6845cceffba14408ff7481c","url":"https://a.example/","events":["batch.completed"
        ,"batch.failed"],"created_at":1700000000,"secret":"whsec_a","object":"webhook_endpoint"}
        """,
        WebhookEndpointObject.From(
            new WebhookEndpointRecord
            {
                PartitionKey = "t",
                RowKey = Key,
                Url = "https://a.example/",
                Events = "batch.completed,batch.failed",
                CreatedAt = s_time,
            },
            "whsec_a"));

    [Fact]
    public void An_event_to_an_endpoint_is_written_as_before() => AssertWritten(
        """
        {"id":"evt_7720b6845cceffba14408ff7481c","type":"batch.completed","created_at":1700000000
        ,"data":{"id":"batch_7720b6845cceffba14408ff7481c"},"object":"event"}
        """,
        WebhookEvent.Of(new BatchRecord { PartitionKey = "t", RowKey = Key, Status = BatchStatus.Completed, CompletedAt = s_time }));

    [Fact]
    public void Readiness_is_written_as_before() => AssertWritten(
        """
        {"status":"not_ready","storage":{"blobs":true,"queues":false,"tables":true}}
        """,
        ReadinessObject.Of(new StorageReadiness { Blobs = true, Queues = false, Tables = true }));

    private const string Definition =
        """
        {"cron":"0 1 * * *","time_zone":"UTC","job":{"model":"m"},"start_from":"last_result"
        ,"training_data":{"container":"c","prefix":"p/","select":"new"},"overlap":"queue","missed":"skip"
        ,"metadata":{"a":"b"}}
        """;

    private static void AssertWritten<T>(string expected, T value) =>
        Assert.Equal(OneLine(expected), JsonSerializer.Serialize(value, WireJson.Options));

    private static string OneLine(string text) => text.ReplaceLineEndings("");
}
