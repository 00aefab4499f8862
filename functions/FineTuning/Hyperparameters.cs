using System.Text.Json;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>The hyperparameters of a fine-tuning job; a null of the first three is <c>auto</c>.</summary>
internal sealed record Hyperparameters
{
    private const int MaxEpochs = 50, MaxBatchSize = 256, MaxRank = 512, DefaultRank = 16;
    private const int MaxVirtualTokens = 1024, DefaultVirtualTokens = 20, MaxInitialText = 4096;
    private const double MaxMultiplier = 10_000;

    /// <summary>Passes over the data.</summary>
    public int? Epochs { get; init; }

    /// <summary>Rows of a step.</summary>
    public int? BatchSize { get; init; }

    public double? LearningRateMultiplier { get; init; }

    /// <summary>Null without LoRA; without an adapter all weights are trained.</summary>
    public int? LoraRank { get; init; }

    public double? LoraAlpha { get; init; }

    /// <summary>Null without prompt tuning.</summary>
    public int? NumVirtualTokens { get; init; }

    /// <summary>The text that the vectors of prompt tuning begin as; null for tokens that the seed draws.</summary>
    public string? InitialText { get; init; }

    /// <summary>The noise levels to train lie from here to <see cref="MaxNoise"/>, 0 to 1; both null is all of them.</summary>
    public double? MinNoise { get; init; }

    public double? MaxNoise { get; init; }

    /// <summary>What becomes of examples that are longer than the context; not of plain text.</summary>
    public LongExamples LongExamples { get; init; }

    /// <summary>Of the method dpo alone; null for others.</summary>
    public PreferenceHyperparameters? Preference { get; init; }

    /// <summary>Of the method reinforcement alone, still without its grader; null for others.</summary>
    /// <remarks>Those of a further method stand beside it, in a record of their own.</remarks>
    public ReinforcementSettings? Reinforcement { get; init; }

    /// <param name="parameters">Null when the client names none.</param>
    public static Hyperparameters Read(JsonReader? parameters, FineTuningMethod method)
    {
        if (parameters is null)
        {
            return new Hyperparameters
            {
                LongExamples = DefaultOf(method),
                Reinforcement = method == FineTuningMethod.Reinforcement ? new ReinforcementSettings() : null,
            };
        }
        var lora = parameters.Object("lora");
        int? rank = lora is null ? null : Integer(lora, "rank", 1, MaxRank) ?? DefaultRank;
        double? alpha = lora is null ? null : Positive(lora, "alpha") ?? 2.0 * rank;
        lora?.RequireNothingElse();
        var prompt = parameters.Object("prompt_tuning");
        if (lora is not null && prompt is not null)
            throw parameters.Invalid("prompt_tuning", "does not go with lora: a job trains one adapter");
        var (minNoise, maxNoise) = HasBounds(method) ? (null, null) : Noise(parameters);
        var read = new Hyperparameters
        {
            Epochs = Integer(parameters, "n_epochs", 1, MaxEpochs),
            BatchSize = Integer(parameters, "batch_size", 1, MaxBatchSize),
            LearningRateMultiplier = Positive(parameters, "learning_rate_multiplier"),
            LoraRank = rank,
            LoraAlpha = alpha,
            NumVirtualTokens = prompt is null
                ? null
                : Integer(prompt, "num_virtual_tokens", 1, MaxVirtualTokens) ?? DefaultVirtualTokens,
            InitialText = prompt is null ? null : ReadInitialText(prompt),
            MinNoise = minNoise,
            MaxNoise = maxNoise,
            LongExamples = method == FineTuningMethod.Pretrain ? LongExamples.Cut : ReadLongExamples(parameters, method),
            Preference = method == FineTuningMethod.Dpo ? PreferenceHyperparameters.Read(parameters) : null,
            Reinforcement = method == FineTuningMethod.Reinforcement ? ReinforcementHyperparameters.Read(parameters) : null,
        };
        prompt?.RequireNothingElse();
        parameters.RequireNothingElse();
        return read;
    }

    /// <returns>Null when it is absent, null or <c>auto</c>.</returns>
    public static int? Integer(JsonReader parameters, string name, int min, int max) =>
        IsAuto(parameters, name) ? null : parameters.Integer(name, min, max);

    private static string? ReadInitialText(JsonReader prompt)
    {
        const string name = "init_text";
        string? text = prompt.OptionalText(name);
        return text?.Length is 0 or > MaxInitialText ? throw prompt.Invalid(name, $"must have 1 to {MaxInitialText} characters") : text;
    }

    /// <returns>Null when it is absent, null or <c>auto</c>.</returns>
    public static double? Positive(JsonReader parameters, string name, double max = MaxMultiplier)
    {
        if (IsAuto(parameters, name) || parameters.Find(name) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number > 0 && number <= max
            ? number
            : throw parameters.Invalid(name, $"must be a number above 0 and at most {max}");
    }

    /// <returns>Null when it is absent, null or <c>auto</c>.</returns>
    public static double? AtLeast0(JsonReader parameters, string name, double max)
    {
        if (IsAuto(parameters, name) || parameters.Find(name) is not { } value)
            return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= 0 && number <= max
            ? number
            : throw parameters.Invalid(name, $"must be a number from 0 to {max}");
    }

    /// <returns>What a job does with long examples unless it says otherwise.</returns>
    public static LongExamples DefaultOf(FineTuningMethod method) => HasBounds(method) ? LongExamples.Fail : LongExamples.Cut;

    /// <summary>Whether whole answers are compared by their bounds: over all noise levels, and never cut.</summary>
    private static bool HasBounds(FineTuningMethod method) => method is FineTuningMethod.Dpo or FineTuningMethod.Reinforcement;

    public static bool IsAuto(JsonReader parameters, string name) =>
        parameters.Find(name) is { ValueKind: JsonValueKind.String } value && value.ValueEquals("auto");

    private static (double? Min, double? Max) Noise(JsonReader parameters)
    {
        if (parameters.Object("noise") is not { } noise)
            return (null, null);
        var (min, max) = (Level(noise, "min") ?? 0, Level(noise, "max") ?? 1);
        noise.RequireNothingElse();
        return min < max
            ? (min, max)
            : throw parameters.Invalid("noise", "must have a min below its max");
    }

    private static double? Level(JsonReader noise, string name) => noise.Find(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Number } value when value.TryGetDouble(out double level) && level is >= 0 and <= 1 => level,
        _ => throw noise.Invalid(name, "must be a number from 0 to 1"),
    };

    private static LongExamples ReadLongExamples(JsonReader parameters, FineTuningMethod method)
    {
        bool cuts = !HasBounds(method);     // an answer without its end would be judged for what it does not say
        return parameters.OptionalText("long_examples") switch
        {
            null => DefaultOf(method),
            { } text when WireNames.TryParse(text, out LongExamples choice) && (cuts || choice != LongExamples.Cut) => choice,
            _ => throw parameters.Invalid("long_examples", cuts ? "must be 'cut', 'skip' or 'fail'" : "must be 'skip' or 'fail'"),
        };
    }
}
