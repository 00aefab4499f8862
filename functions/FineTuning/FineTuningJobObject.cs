using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>
/// A fine-tuning job on the wire. Times are whole seconds. <c>result_files</c> is never null and <c>estimated_finish</c> never past:
/// OpenAI's .NET client fails on both.
/// </summary>
public sealed record FineTuningJobObject
{
    public required string Id { get; init; }

    public required string Model { get; init; }

    public required FineTuningStatus Status { get; init; }

    public required long CreatedAt { get; init; }

    public required long? FinishedAt { get; init; }

    public required string? FineTunedModel { get; init; }

    public required string? TrainingFile { get; init; }

    public required string? ValidationFile { get; init; }

    public required IReadOnlyList<string> ResultFiles { get; init; }

    public required JsonObject Hyperparameters { get; init; }

    public required JsonObject Method { get; init; }

    public required int? TrainedTokens { get; init; }

    public required FineTuningError? Error { get; init; }

    public required string? UserProvidedSuffix { get; init; }

    public required int Seed { get; init; }

    public required long? EstimatedFinish { get; init; }

    public required JsonNode? Metadata { get; init; }

    public string Object => "fine_tuning.job";

    public string OrganizationId => "";

    public IReadOnlyList<string> Integrations => [];

    public static FineTuningJobObject From(FineTuningJobRecord job, DateTimeOffset now)
    {
        string method = job.Method.WireName();
        bool hasEstimate = job.Status == FineTuningStatus.Running && job.EstimatedFinishAt > now.AddSeconds(1);
        return new FineTuningJobObject
        {
            Id = job.Id,
            Model = job.Model,
            Status = job.Status,
            CreatedAt = job.CreatedAt.ToUnixTimeSeconds(),
            FinishedAt = job.FinishedAt?.ToUnixTimeSeconds(),
            FineTunedModel = job.FineTunedModel,
            TrainingFile = job.TrainingFileId,
            ValidationFile = job.ValidationFileId,
            ResultFiles = job.ResultFileId is null ? [] : [job.ResultFileId],
            Hyperparameters = HyperparametersOf(job),
            Method = new JsonObject { ["type"] = method, [method] = DetailsOf(job) },
            TrainedTokens = job.TrainedTokens == 0 ? null : (int)Math.Min(job.TrainedTokens, int.MaxValue),
            Error = FineTuningError.From(job),
            UserProvidedSuffix = job.Suffix,
            Seed = job.Seed,
            EstimatedFinish = hasEstimate ? job.EstimatedFinishAt!.Value.ToUnixTimeSeconds() : null,
            Metadata = job.Metadata is null ? null : JsonNode.Parse(job.Metadata),
        };
    }

    private static JsonObject DetailsOf(FineTuningJobRecord job)
    {
        var details = new JsonObject { ["hyperparameters"] = HyperparametersOf(job) };
        if (job.Reinforcement is { } json)
            details["grader"] = JsonNode.Parse(ReinforcementSettings.Parse(json).Grader.GetRawText());
        return details;
    }

    private static void AddReinforcement(JsonObject parameters, ReinforcementSettings settings)
    {
        parameters["group_size"] = settings.GroupSize;
        parameters["num_iterations"] = settings.NumIterations;
        parameters["num_samples"] = settings.NumSamples;
        parameters["clip_range"] = settings.ClipRange;
        parameters["beta"] = settings.Beta;
        parameters["max_tokens"] = settings.MaxTokens is { } tokens ? tokens : "auto";
        parameters["steps"] = settings.Steps is { } steps ? steps : "auto";
        parameters["block_length"] = settings.BlockLength is { } length ? length : "auto";
        parameters["temperature"] = settings.Temperature;
    }

    private static JsonObject HyperparametersOf(FineTuningJobRecord job)
    {
        var parameters = new JsonObject
        {
            ["n_epochs"] = job.Epochs is { } epochs ? epochs : "auto",
            ["batch_size"] = job.BatchSize is { } batchSize ? batchSize : "auto",
            ["learning_rate_multiplier"] = job.LearningRateMultiplier is { } multiplier ? multiplier : "auto",
        };
        if (job.LoraRank is { } rank)
            parameters["lora"] = new JsonObject { ["rank"] = rank, ["alpha"] = job.LoraAlpha };
        if (job.NumVirtualTokens is { } count)
            parameters["prompt_tuning"] = new JsonObject { ["num_virtual_tokens"] = count, ["init_text"] = job.InitialText };
        if (job.MinNoise is { } minNoise)
            parameters["noise"] = new JsonObject { ["min"] = minNoise, ["max"] = job.MaxNoise };
        if (job.LongExamples != FineTuning.Hyperparameters.DefaultOf(job.Method))
            parameters["long_examples"] = job.LongExamples.WireName();
        if (job.Method == FineTuningMethod.Dpo)
        {
            parameters["beta"] = job.Beta is { } beta ? beta : "auto";
            parameters["num_samples"] = job.NumSamples is { } samples ? samples : "auto";
            parameters["sft_weight"] = job.SftWeight is { } weight ? weight : "auto";
            parameters["normalize_length"] = job.NormalizesLength;
        }
        if (job.Reinforcement is { } json)
            AddReinforcement(parameters, ReinforcementSettings.Parse(json));
        return parameters;
    }
}

/// <summary>Why a job failed.</summary>
public sealed record FineTuningError
{
    public required string Code { get; init; }

    public required string Message { get; init; }

    public required string? Param { get; init; }

    /// <returns>Null for a job that did not fail.</returns>
    public static FineTuningError? From(FineTuningJobRecord job) => job.ErrorCode is null
        ? null
        : new FineTuningError { Code = job.ErrorCode, Message = job.ErrorMessage ?? "", Param = job.ErrorParam };
}
