using System.Globalization;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Training.Bounds;

namespace LLaDA.Diffusion.Training.Reinforcement;

/// <summary>How a model learns from rewards: ESPO (arXiv 2512.03759) with the values of its published recipe.</summary>
public sealed record ReinforcementOptions
{
    public const int MaxGroupSize = 64, MaxIterations = 16, MaxSamples = 64;

    /// <summary>G, answers to each prompt, 2 to <see cref="MaxGroupSize"/>.</summary>
    public int GroupSize { get; init; } = 10;

    /// <summary>Steps that learn from the same answers, 1 to <see cref="MaxIterations"/>.</summary>
    public int NumIterations { get; init; } = 2;

    /// <summary>
    /// n, noised rows of each answer, 1 to <see cref="MaxSamples"/>. Two are a mask and its complement, the coupled masks of the recipe.
    /// </summary>
    public int NumSamples { get; init; } = 2;

    /// <summary>The ratio gives no slope further than this beyond 1 in the direction of its advantage, above 0 and below 1.</summary>
    public double ClipRange { get; init; } = 0.2;

    /// <summary>The weight of the divergence from the reference, at least 0.</summary>
    public double Beta { get; init; } = 0.01;

    /// <summary>Tokens that an answer may have, its end included, at least 1.</summary>
    public int MaxAnswerTokens { get; init; } = 256;

    /// <summary>Denoising steps of an answer; null commits a token a step.</summary>
    public int? SamplingSteps { get; init; }

    /// <summary>
    /// Masks of a block of an answer, or the length of a block-causal model's. Null for the usual one of the family.
    /// </summary>
    public int? BlockLength { get; init; }

    /// <summary>Above 0: at 0 all answers to a prompt would be the same.</summary>
    public double Temperature { get; init; } = 1;

    internal BoundSamples Samples => new(NumSamples, IsAntithetic: true);

    /// <summary>Rows that a prompt becomes in a step.</summary>
    internal int RowsOfPrompt => GroupSize * NumSamples;

    /// <summary>What checkpoints say is minimised.</summary>
    internal string Objective => string.Create(
        CultureInfo.InvariantCulture,
        $"rewards of {GroupSize} answers in {NumIterations} steps by {NumSamples} samples, clip {ClipRange}, KL {Beta}, ")
        + string.Create(
            CultureInfo.InvariantCulture,
            $"{MaxAnswerTokens} tokens, {SamplingSteps?.ToString(CultureInfo.InvariantCulture) ?? "all"} steps, ")
        + string.Create(
            CultureInfo.InvariantCulture,
            $"block {BlockLength?.ToString(CultureInfo.InvariantCulture) ?? "usual"}, temperature {Temperature}");

    /// <summary>How an answer is sampled, by the first rule of the model's family.</summary>
    internal SamplingOptions Sampling(LLaDAConfig config)
    {
        var options = new SamplingOptions
        {
            Steps = SamplingSteps,
            BlockLength = BlockLength,
            Temperature = Temperature,
            Remasking = FamilySampling.Rules(config)[0],
            Threshold = FamilySampling.DefaultThreshold(config),
            StopsAtEos = true,
        };
        return options.BlockLength is null && !config.Family.IsBlockCausal && !options.IsTimed
            ? options with { BlockLength = FamilySampling.DefaultBlockLength }
            : options;
    }

    /// <summary>Every mistake, as sentences.</summary>
    public IEnumerable<string> Validate()
    {
        if (GroupSize is < 2 or > MaxGroupSize)
            yield return $"the group size is {GroupSize}; it must lie in [2, {MaxGroupSize}]";
        if (NumIterations is < 1 or > MaxIterations)
            yield return $"the number of iterations is {NumIterations}; it must lie in [1, {MaxIterations}]";
        if (NumSamples is < 1 or > MaxSamples)
            yield return $"the number of samples is {NumSamples}; it must lie in [1, {MaxSamples}]";
        if (ClipRange is not (> 0 and < 1))
            yield return $"the clip range is {ClipRange}; it must lie between 0 and 1";
        if (!(Beta >= 0 && double.IsFinite(Beta)))
            yield return $"beta is {Beta}; it must be at least 0";
        if (MaxAnswerTokens < 1)
            yield return $"an answer may have {MaxAnswerTokens} tokens; it needs at least 1";
        if (!(Temperature > 0))
            yield return $"the temperature is {Temperature}; at 0 all answers to a prompt would be the same";
    }

    /// <summary>Every option that a model does not have, or that is out of range in sampling.</summary>
    public IEnumerable<OptionError> SamplingErrors(LLaDAConfig config)
    {
        var options = Sampling(config);
        return FamilySampling.Errors(options, config).Concat(options.Validate());
    }
}
