using System.Globalization;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Training;

/// <summary>What a training minimises, as the reference trainer of the model's family does.</summary>
/// <param name="Name">In messages and checkpoints.</param>
public sealed record DiffusionObjective(string Name)
{
    /// <summary>LLaDA and LLaDA-MoE (LLaDA, Algorithms 1 and 2).</summary>
    public static DiffusionObjective LLaDA { get; } = new("LLaDA");

    /// <summary>Dream's trainer, with its default weight; the published script asks for <see cref="TokenWeight.Cart"/>.</summary>
    public static DiffusionObjective Dream { get; } =
        new("Dream") { ProbabilityFloor = 0, Reduction = LossReduction.Masked };

    /// <summary>SDAR's block diffusion: 1 / p, and no padding is learnt.</summary>
    public static DiffusionObjective Sdar { get; } =
        new("SDAR") { IsBlockDiffusion = true, Reduction = LossReduction.Token, LearnsPadding = false };

    /// <summary>LLaDA2's block diffusion: every masked token counts alike, and noise levels keep away from 0 and 1.</summary>
    public static DiffusionObjective LLaDA2 { get; } = new("LLaDA2")
    {
        IsBlockDiffusion = true, ProbabilityFloor = 0, Weight = TokenWeight.One, Reduction = LossReduction.Masked,
        NoiseLevels = new NoiseLevels(0.3, 0.8),
    };

    /// <summary>
    /// Whether each row passes twice in one, noised and clean: a noised block sees itself and the clean blocks before it, as generation
    /// does.
    /// </summary>
    public bool IsBlockDiffusion { get; init; }

    /// <summary>Epsilon in p = (1 - epsilon) t + epsilon, the probability of a mask at noise level t.</summary>
    public double ProbabilityFloor { get; init; } = ForwardProcess.Epsilon;

    public TokenWeight Weight { get; init; }

    /// <summary>q of <see cref="TokenWeight.Cart"/>, in (0, 1).</summary>
    public double CartDecay { get; init; } = 0.1;

    /// <summary>Null for plain cross entropy.</summary>
    public FocalLoss? Focal { get; init; }

    /// <summary>How the weighted cross entropies become one number, unless the options say otherwise.</summary>
    public LossReduction Reduction { get; init; }

    /// <summary>Where t is drawn, unless the options say otherwise.</summary>
    public NoiseLevels NoiseLevels { get; init; } = NoiseLevels.All;

    /// <summary>Whether the end-of-text tokens that fill a batch belong to the answers.</summary>
    public bool LearnsPadding { get; init; } = true;

    /// <summary>The one of the model's family.</summary>
    public static DiffusionObjective Of(LLaDAConfig config) => config.Family switch
    {
        var family when family == ModelFamilies.Dream => Dream,
        var family when family == ModelFamilies.Sdar => Sdar,
        var family when family == ModelFamilies.LLaDA2 => LLaDA2,
        _ => LLaDA,
    };

    /// <summary>
    /// The likelihood bound that held-out text is scored by: with the same passes, over all noise levels, each token's cross entropy
    /// weighted by 1 / p.
    /// </summary>
    public DiffusionObjective Bound => this with
    {
        ProbabilityFloor = ForwardProcess.Epsilon, Weight = TokenWeight.InverseProbability, NoiseLevels = NoiseLevels.All,
        Reduction = Reduction == LossReduction.Masked ? LossReduction.Token : Reduction,
        Focal = null,
    };

    public double MaskProbability(double t) => ((1 - ProbabilityFloor) * t) + ProbabilityFloor;

    /// <summary>Every mistake, as sentences.</summary>
    public IEnumerable<string> Validate()
    {
        if (!(ProbabilityFloor is >= 0 and < 1))
            yield return $"the floor of the mask probability is {ProbabilityFloor}; it must lie in [0, 1)";
        if (Weight == TokenWeight.Cart && !(CartDecay is > 0 and < 1))
            yield return $"the decay of the context-adaptive weight is {CartDecay}; it must lie in (0, 1)";
        foreach (string error in NoiseLevels.Validate().Concat(Focal?.Validate() ?? []))
            yield return error;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name} weighted by {Weight}")
        + (Weight == TokenWeight.Cart ? string.Create(CultureInfo.InvariantCulture, $" {CartDecay}") : "")
        + (Focal is null ? "" : string.Create(CultureInfo.InvariantCulture, $", focal {Focal.Gamma} scaled by {Focal.Scale}"));
}
