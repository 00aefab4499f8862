using System.Globalization;
using LLaDA.Diffusion.Training.Preferences;
using LLaDA.Diffusion.Training.Reinforcement;

namespace LLaDA.Diffusion.Training;

/// <summary>Options of a training run; the defaults are LLaDA's where they do not depend on size.</summary>
public sealed record TrainingOptions
{
    /// <summary>B, examples of a step: rows, pairs of preferences, or prompts that are answered.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>
    /// Rows of a forward pass; a step adds up the gradients of as many passes as its batch takes. Null for all rows at once.
    /// </summary>
    public int? MicroBatchSize { get; init; }

    /// <summary>Trains on pairs of preferences. Null like the next one predicts masked tokens.</summary>
    public PreferenceOptions? Preference { get; init; }

    /// <summary>Trains on rewards of the policy's own answers; not with <see cref="Preference"/>.</summary>
    /// <remarks>Options of a further method stand beside it.</remarks>
    public ReinforcementOptions? Reinforcement { get; init; }

    /// <summary>Rows that pass in a step: of a method that makes several of an example, more than examples.</summary>
    public int RowsOfStep => BatchSize * (Preference?.RowsOfPair ?? Reinforcement?.RowsOfPrompt ?? (HasComplements ? 2 : 1));

    /// <summary>Whether the method holds the policy against what it was at first: a second copy, unless adapters are trained.</summary>
    public bool HasReference => Preference is not null || Reinforcement is not null;

    /// <summary>How the cross entropies of a batch become its loss; the default leaves it to the objective of the family.</summary>
    public LossReduction Reduction { get; init; }

    /// <summary>What is minimised; null for the objective of the model's family.</summary>
    public DiffusionObjective? FamilyObjective { get; init; }

    /// <summary>
    /// Keeps only the inputs of the blocks and recomputes the rest in the backward pass: a third more work, the memory of one block instead
    /// of all.
    /// </summary>
    public bool ActivationCheckpointing { get; init; }

    public required LearningRateSchedule LearningRate { get; init; }

    /// <summary>What changes the weights; Muon trains whole networks alone. A run resumes with the same one only.</summary>
    public OptimizerKind Optimizer { get; init; }

    /// <summary>Decay of matrices; norms and biases do not decay.</summary>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>AdamW's decay of the average gradient.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>
    /// AdamW's decay of the average squared gradient. The default suits batches of millions of tokens; steps of some thousand tokens learn
    /// faster with 0.999, an average over more of them (docs/decisions/0105).
    /// </summary>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>Gradients are scaled down to this norm.</summary>
    public double MaxGradNorm { get; init; } = 1;

    /// <summary>
    /// Share of steps whose batch is cut to a random length of 1 to L, so that short texts are seen too; LLaDA uses 0.01 in pretraining.
    /// </summary>
    public double RandomLengthRatio { get; init; }

    /// <summary>Spreads the noise levels of a batch evenly: the same bound with less variance.</summary>
    public bool StratifiesTimes { get; init; }

    /// <summary>
    /// The noise levels that are trained; the default leaves them to the objective of the family. Held-out text is always scored over all
    /// of them. A causal network knows none.
    /// </summary>
    public NoiseLevels NoiseLevels { get; init; } = NoiseLevels.All;

    /// <summary>
    /// Draws the masks of each row on the condition that at least one learnt token is masked, and weights them by the probability of that:
    /// the loss has the same expectation and less variance, and no step of a short answer is spent on nothing. False is the published
    /// sampling.
    /// </summary>
    public bool MasksEveryRow { get; init; }

    /// <summary>
    /// Trains each row twice in a step, the second time with its other learnt tokens masked, so that every token is learnt once (LLaDA2.0's
    /// supervised fine-tuning). A step has twice the rows. Not with <see cref="MasksEveryRow"/>, nor with pairs or rewards.
    /// </summary>
    /// <remarks>
    /// The second row has the noise level 1 - t. Over all levels the expectation of the loss is that of one row; over some of them the
    /// second row trains the mirrored ones.
    /// </remarks>
    public bool HasComplements { get; init; }

    /// <summary>
    /// Keeps the EMA of the weights, with this decay at most, in [0, 1); null keeps none. The EMA is validated, and is the result of the
    /// run.
    /// </summary>
    public double? EmaDecay { get; init; }

    /// <summary>
    /// Memory of the device, in bytes: a run that needs more does not begin. Null is what the process may use on a CPU, and no limit
    /// elsewhere.
    /// </summary>
    public long? DeviceBytes { get; init; }

    public long Seed { get; init; } = 1;

    /// <summary>Checkpoints that are kept: the latest ones, at least 1.</summary>
    public int NumCheckpoints { get; init; } = 2;

    /// <summary>Steps between checkpoints, at least 1.</summary>
    public int CheckpointInterval { get; init; } = 500;

    /// <summary>Steps between estimates of the bound on held-out text, at least 1.</summary>
    public int ValidationInterval { get; init; } = 500;

    /// <summary>
    /// The quantity that is minimised, the average that is kept, and what changes the weights. A run resumes with the same one only; the
    /// rate, and how a step is computed, may change.
    /// </summary>
    internal string Objective => string.Create(CultureInfo.InvariantCulture,
        $"{Reduction} over t in [{NoiseLevels.Min}, {NoiseLevels.Max}]{(StratifiesTimes ? " stratified" : "")}, ")
        + string.Create(CultureInfo.InvariantCulture, $"random lengths {RandomLengthRatio}, ")
        + Updates + (MasksEveryRow ? ", a mask in every row" : "") + (HasComplements ? ", complementary masks" : "");

    /// <summary>The average that is kept and what changes the weights, in the words of <see cref="Objective"/>.</summary>
    internal string Updates => string.Create(CultureInfo.InvariantCulture, $"average {(object?)EmaDecay ?? "none"}")
        + (Optimizer == OptimizerKind.AdamW ? "" : $", updates by {Optimizer}");

    /// <summary>Every mistake, as sentences.</summary>
    public IEnumerable<string> Validate()
    {
        if (BatchSize < 1 || MicroBatchSize < 1 || CheckpointInterval < 1 || ValidationInterval < 1 || NumCheckpoints < 1)
            yield return "batch sizes, intervals and the number of checkpoints must be at least 1";
        if (RandomLengthRatio is not (>= 0 and <= 1))
            yield return $"random length ratio is {RandomLengthRatio}; it must lie in [0, 1]";
        if (!(WeightDecay >= 0 && MaxGradNorm > 0))
            yield return "weight decay must be at least 0 and the maximal gradient norm above 0";
        if (Beta1 is not (>= 0 and < 1) || Beta2 is not (>= 0 and < 1))
            yield return $"betas are {Beta1} and {Beta2}; they must lie in [0, 1)";
        if (!Enum.IsDefined(Optimizer))
            yield return $"there is no optimizer {Optimizer}";
        if (EmaDecay is not (null or (>= 0 and < 1)))
            yield return $"the EMA decay is {EmaDecay}; it must lie in [0, 1)";
        if (Preference is not null && Reinforcement is not null)
            yield return "preferences and reinforcement exclude each other";
        if (HasComplements && (MasksEveryRow || HasReference))
            yield return "complementary masks exclude a mask in every row, preferences and reinforcement";
        var ofMethod = Preference?.Validate() ?? Reinforcement?.Validate() ?? [];
        foreach (string error in LearningRate.Validate().Concat(NoiseLevels.Validate()).Concat(ofMethod))
            yield return error;
    }
}
