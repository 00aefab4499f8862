using System.Text.Json;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>The hyperparameters of a job as a client gave them; null is "auto" for the first three.</summary>
internal sealed record Hyperparameters
{
    private const int MaxEpochs = 50, MaxBatchSize = 256, MaxRank = 512, DefaultRank = 16;
    private const double MaxMultiplier = 10_000;

    public required int? Epochs { get; init; }

    public required int? BatchSize { get; init; }

    public required double? LearningRateMultiplier { get; init; }

    /// <summary>Null trains all weights.</summary>
    public required int? LoraRank { get; init; }

    public required double? LoraAlpha { get; init; }

    /// <summary>The noise levels to train lie from here to <see cref="MaxNoise"/>; both null is all of them.</summary>
    public required double? MinNoise { get; init; }

    public required double? MaxNoise { get; init; }

    public required LongExamples LongExamples { get; init; }

    /// <param name="parameters">An object, or undefined where there is none.</param>
    /// <param name="name">Its name in messages.</param>
    /// <exception cref="ApiException">400, naming the parameter.</exception>
    public static Hyperparameters Read(JsonElement parameters, string name, FineTuningMethod method)
    {
        string[] known = ["n_epochs", "batch_size", "learning_rate_multiplier", "lora", "noise"];
        JobJson.RefuseOthers(parameters, name, method == FineTuningMethod.Supervised ? [.. known, "long_examples"] : known);
        var lora = JobJson.Group(parameters, "lora", name, "rank", "alpha");
        int? rank = lora is { } asked ? JobJson.Whole(asked, "rank", $"{name}.lora.rank", 1, MaxRank) ?? DefaultRank : null;
        double? alpha = lora is { } given ? JobJson.Positive(given, "alpha", $"{name}.lora.alpha", MaxMultiplier) : null;
        var (minNoise, maxNoise) = Noise(parameters, name);
        return new Hyperparameters
        {
            Epochs = JobJson.Whole(parameters, "n_epochs", $"{name}.n_epochs", 1, MaxEpochs),
            BatchSize = JobJson.Whole(parameters, "batch_size", $"{name}.batch_size", 1, MaxBatchSize),
            LearningRateMultiplier = JobJson.Positive(
                parameters, "learning_rate_multiplier", $"{name}.learning_rate_multiplier", MaxMultiplier),
            LoraRank = rank,
            LoraAlpha = rank is null ? null : alpha ?? 2.0 * rank,
            MinNoise = minNoise,
            MaxNoise = maxNoise,
            LongExamples = ReadLongExamples(parameters, $"{name}.long_examples"),
        };
    }

    private static (double? Min, double? Max) Noise(JsonElement parameters, string name)
    {
        if (JobJson.Group(parameters, "noise", name, "min", "max") is not { } noise)
            return (null, null);
        double Level(string property, double absent) => JobJson.Find(noise, property) is not { } value ? absent
            : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double level) && level is >= 0 and <= 1 ? level
            : throw ApiException.InvalidRequest($"{name}.noise.{property} must be a number from 0 to 1", $"{name}.noise.{property}");
        var (min, max) = (Level("min", 0), Level("max", 1));
        return min < max
            ? (min, max)
            : throw ApiException.InvalidRequest($"{name}.noise.min must be below {name}.noise.max", $"{name}.noise");
    }

    private static LongExamples ReadLongExamples(JsonElement parameters, string name) => JobJson.Find(parameters, "long_examples") switch
    {
        null => LongExamples.Cut,
        { ValueKind: JsonValueKind.String } value when value.ValueEquals("cut") => LongExamples.Cut,
        { ValueKind: JsonValueKind.String } value when value.ValueEquals("skip") => LongExamples.Skip,
        { ValueKind: JsonValueKind.String } value when value.ValueEquals("fail") => LongExamples.Fail,
        _ => throw ApiException.InvalidRequest($"{name} must be 'cut', 'skip' or 'fail'", name),
    };
}
