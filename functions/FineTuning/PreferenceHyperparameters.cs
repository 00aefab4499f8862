using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>The hyperparameters of the method dpo beside the common ones; null is <c>auto</c>, which is the published value.</summary>
internal sealed record PreferenceHyperparameters
{
    private const int MaxSamples = 64;
    private const double MaxBeta = 100, MaxSftWeight = 100;

    /// <summary>How strongly the margin of a pair counts.</summary>
    public double? Beta { get; init; }

    /// <summary>Noised rows of each answer.</summary>
    public int? NumSamples { get; init; }

    /// <summary>The weight of the supervised loss of preferred answers.</summary>
    public double? SftWeight { get; init; }

    /// <summary>Whether the bound of an answer is divided by its length.</summary>
    public bool NormalizesLength { get; init; }

    public static PreferenceHyperparameters Read(JsonReader parameters) => new()
    {
        Beta = Hyperparameters.Positive(parameters, "beta", MaxBeta),
        NumSamples = Hyperparameters.Integer(parameters, "num_samples", 1, MaxSamples),
        SftWeight = Hyperparameters.AtLeast0(parameters, "sft_weight", MaxSftWeight),
        NormalizesLength = parameters.Find("normalize_length") switch
        {
            null or { ValueKind: JsonValueKind.False } => false,
            { ValueKind: JsonValueKind.True } => true,
            _ => throw parameters.Invalid("normalize_length", "must be true or false"),
        },
    };
}
