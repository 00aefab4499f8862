using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>A fine-tuning job on the wire. Times are whole seconds; <c>result_files</c> is never null and <c>estimated_finish</c> never past: OpenAI's .NET client fails on both.</summary>
public sealed record FineTuningJobObject(
    string Id, string Model, FineTuningStatus Status, long CreatedAt, long? FinishedAt, string? FineTunedModel, string? TrainingFile, string? ValidationFile, IReadOnlyList<string> ResultFiles,
    JsonObject Hyperparameters, JsonObject Method, int? TrainedTokens, FineTuningError? Error, string? UserProvidedSuffix, int Seed, long? EstimatedFinish, JsonNode? Metadata)
{
    public string Object => "fine_tuning.job";

    public string OrganizationId => "";

    public IReadOnlyList<string> Integrations => [];

    public static FineTuningJobObject From(FineTuningJobRecord job, DateTimeOffset now)
    {
        string method = JsonNamingPolicy.SnakeCaseLower.ConvertName(job.Method.ToString());
        long? estimate = job.Status == FineTuningStatus.Running && job.EstimatedFinishAt > now.AddSeconds(1) ? job.EstimatedFinishAt.Value.ToUnixTimeSeconds() : null;
        return new FineTuningJobObject(
            job.Id, job.Model, job.Status, job.CreatedAt.ToUnixTimeSeconds(), job.FinishedAt?.ToUnixTimeSeconds(), job.FineTunedModel, job.TrainingFileId, job.ValidationFileId,
            job.ResultFileId is null ? [] : [job.ResultFileId], ParametersOf(job),
            new JsonObject { ["type"] = method, [method] = new JsonObject { ["hyperparameters"] = ParametersOf(job) } },
            job.TrainedTokens == 0 ? null : (int)Math.Min(job.TrainedTokens, int.MaxValue),
            job.ErrorCode is null ? null : new FineTuningError(job.ErrorCode, job.ErrorMessage ?? "", job.ErrorParam),
            job.Suffix, job.Seed, estimate, job.Metadata is null ? null : JsonNode.Parse(job.Metadata));
    }

    private static JsonObject ParametersOf(FineTuningJobRecord job)
    {
        var parameters = new JsonObject
        {
            ["n_epochs"] = job.Epochs is { } epochs ? epochs : "auto",
            ["batch_size"] = job.BatchSize is { } batchSize ? batchSize : "auto",
            ["learning_rate_multiplier"] = job.LearningRateMultiplier is { } multiplier ? multiplier : "auto",
        };
        if (job.LoraRank is { } rank)
            parameters["lora"] = new JsonObject { ["rank"] = rank, ["alpha"] = job.LoraAlpha };
        if (job.MinNoise is { } minNoise)
            parameters["noise"] = new JsonObject { ["min"] = minNoise, ["max"] = job.MaxNoise };
        if (job.LongExamples != LongExamples.Cut)
            parameters["long_examples"] = JsonNamingPolicy.SnakeCaseLower.ConvertName(job.LongExamples.ToString());
        return parameters;
    }
}

/// <summary>Why a job failed.</summary>
public sealed record FineTuningError(string Code, string Message, string? Param);

/// <summary>An event of a job on the wire.</summary>
public sealed record FineTuningEventObject(string Id, long CreatedAt, string Level, string Message, string Type, JsonNode? Data)
{
    public string Object => "fine_tuning.job.event";

    public static FineTuningEventObject From(FineTuningJobRecord job, FineTuningEventRecord entry) => new(
        FineTuningEvents.Id(job, entry), entry.CreatedAt.ToUnixTimeSeconds(), entry.Level, entry.Message, entry.Data is null ? "message" : "metrics",
        entry.Data is null ? null : JsonNode.Parse(entry.Data));
}

/// <summary>A checkpoint of a job on the wire.</summary>
public sealed record CheckpointObject(string Id, long CreatedAt, string FineTunedModelCheckpoint, int StepNumber, CheckpointMetrics Metrics, string FineTuningJobId)
{
    public string Object => "fine_tuning.job.checkpoint";

    public static CheckpointObject From(FineTuningJobRecord job, CheckpointRecord checkpoint) => new(
        checkpoint.Id, checkpoint.CreatedAt.ToUnixTimeSeconds(), checkpoint.Model, checkpoint.Step,
        new CheckpointMetrics(checkpoint.Step, checkpoint.TrainLoss, checkpoint.ValidLoss, checkpoint.ValidLoss), job.Id);
}

/// <summary>In nats per token. The estimate on the validation file is always over the same rows, so both are one.</summary>
public sealed record CheckpointMetrics(int Step, double TrainLoss, double? ValidLoss, double? FullValidLoss);
