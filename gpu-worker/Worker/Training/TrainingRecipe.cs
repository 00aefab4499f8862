using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.PromptTuning;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Preferences;
using LLaDA.Diffusion.Training.Reinforcement;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Training;

/// <summary>How a job is trained. Every run of the job gets the same recipe, so that it resumes where the last one stopped.</summary>
internal static class TrainingRecipe
{
    /// <summary>
    /// Peak learning rates at a multiplier of 1: LLaDA's for supervised fine-tuning, the usual one for LoRA, the one that was measured for
    /// prompt vectors, and a tenth of LLaDA's for continued pretraining. For preferences that of LLaDA 1.5, ten times as much for LoRA, and
    /// for prompt vectors as much less than usual as for LoRA.
    /// </summary>
    private const double SupervisedRate = 2.5e-5, LoraRate = 2e-4, PromptRate = 1e-2, PretrainingRate = 4e-5;

    /// <summary>ESPO's, which was found with LoRA; as much less for all weights, and more for prompt vectors, as for preferences.</summary>
    private const double ReinforcementRate = 1e-7, ReinforcementLoraRate = 1e-6, ReinforcementPromptRate = 5e-5;

    private const double PreferenceRate = 5e-7, PreferenceLoraRate = 5e-6, PreferencePromptRate = 2.5e-4;

    private const double FinalShare = 0.1, DecayShare = 0.1;
    private const int MaxWarmupSteps = 50, MaxPreferenceWarmupSteps = 15, NumCheckpoints = 10;

    /// <param name="weights">Folder of the base model, tokenizer included.</param>
    /// <returns>Null where all weights are trained.</returns>
    /// <exception cref="CheckpointException">The tokenizer cannot be read.</exception>
    public static IAdapterOptions? Adapter(FineTuningJobRecord job, string baseModel, string weights)
    {
        if (job.LoraRank is { } rank)
            return new LoraOptions { Rank = rank, Alpha = job.LoraAlpha ?? 2.0 * rank, Seed = job.Seed, BaseModel = baseModel };
        return job.NumVirtualTokens is not { } count ? null : new PromptTuningOptions
        {
            NumVirtualTokens = count,
            InitialTokens = job.InitialText is { } text ? new LLaDATokenizer(weights).Encode(text) : null,
            InitialText = job.InitialText,
            Seed = job.Seed,
            BaseModel = baseModel,
        };
    }

    /// <param name="numRows">Rows of an epoch.</param>
    public static TrainingOptions Options(FineTuningJobRecord job, int numRows)
    {
        long numDraws = (long)job.Epochs!.Value * numRows;
        int numSteps = checked((int)((numDraws + job.BatchSize!.Value - 1) / job.BatchSize.Value));
        var settings = job.Reinforcement is { } json ? ReinforcementSettings.Parse(json) : null;
        numSteps *= settings?.NumIterations ?? 1;
        double peak = UsualRate(job) * job.LearningRateMultiplier!.Value;
        int interval = (numSteps + NumCheckpoints - 1) / NumCheckpoints;
        var options = new TrainingOptions
        {
            BatchSize = job.BatchSize.Value,
            LearningRate = new LearningRateSchedule(
                peak, peak * FinalShare, Math.Min(MaxWarmupSteps, numSteps / 10), (int)(numSteps * DecayShare), numSteps),
            StratifiesTimes = true,
            NoiseLevels = new NoiseLevels(job.MinNoise ?? 0, job.MaxNoise ?? 1),
            MasksEveryRow = job.MasksEveryRow,
            Seed = job.Seed,
            CheckpointInterval = interval,
            ValidationInterval = interval,
            NumCheckpoints = 1,
        };
        return settings is not null ? WithReinforcement(settings, options)
            : job.Method == FineTuningMethod.Dpo ? WithPreferences(job, options) : options;
    }

    /// <summary>
    /// Reduces the micro-batch, and then checkpoints activations, until a pass fits the device. Loss and gradient are the same sums in
    /// every case. On a CPU a larger pass gains nothing, so it is one turn of the tensor thread at most as long as those of sampling.
    /// </summary>
    /// <param name="numTrained">Number of trained parameters.</param>
    /// <param name="length">Tokens of the longest row.</param>
    /// <exception cref="TrainingMemoryException">Not even the smallest pass fits.</exception>
    public static TrainingOptions Fitting(
        TrainingOptions options,
        LLaDAConfig config,
        long numTrained,
        ScalarType weightType,
        ScalarType computeType,
        int length,
        TorchSharp.torch.Device device)
    {
        int largest = device.type == TorchSharp.DeviceType.CPU ? Math.Max(1, PassBudget.MaxTokensOnCpu / length) : int.MaxValue;
        var smaller = Halves(options.RowsOfStep)
            .Where(rows => rows <= largest).Select(rows => options with { MicroBatchSize = rows }).ToList();
        List<TrainingOptions> candidates = [.. smaller, .. smaller.Select(candidate => candidate with { ActivationCheckpointing = true })];
        foreach (var candidate in candidates)
        {
            try
            {
                TrainingMemory.Require(config, numTrained, weightType, computeType, candidate, length, device);
                return candidate;
            }
            catch (TrainingMemoryException) when (candidate != candidates[^1])
            {
                // A smaller one may fit.
            }
        }
        throw new InvalidOperationException("A batch has rows");
    }

    /// <summary>Sequences of plain text, as long as the context, or a quarter of the text if that is shorter.</summary>
    public static TokenSequences Sequences(TokenFile tokens, int contextLength, long seed) =>
        new(tokens, (int)Math.Min(contextLength, Math.Max(1, tokens.Count / 4)), seed);

    private static double UsualRate(FineTuningJobRecord job) => job switch
    {
        { Method: FineTuningMethod.Reinforcement, NumVirtualTokens: not null } => ReinforcementPromptRate,
        { Method: FineTuningMethod.Reinforcement, LoraRank: null } => ReinforcementRate,
        { Method: FineTuningMethod.Reinforcement } => ReinforcementLoraRate,
        { Method: FineTuningMethod.Dpo, NumVirtualTokens: not null } => PreferencePromptRate,
        { NumVirtualTokens: not null } => PromptRate,
        { Method: FineTuningMethod.Dpo, LoraRank: null } => PreferenceRate,
        { Method: FineTuningMethod.Dpo } => PreferenceLoraRate,
        { LoraRank: not null } => LoraRate,
        { Method: FineTuningMethod.Pretrain } => PretrainingRate,
        _ => SupervisedRate,
    };

    /// <summary>The published recipe (LLaDA 1.5): 15 steps of warmup, half a cosine to 0, little weight decay.</summary>
    private static TrainingOptions WithPreferences(FineTuningJobRecord job, TrainingOptions options)
    {
        var (peak, numSteps) = (options.LearningRate.Peak, options.LearningRate.NumSteps);
        var published = new PreferenceOptions();
        return options with
        {
            LearningRate = LearningRateSchedule.Cosine(peak, final: 0, Math.Min(MaxPreferenceWarmupSteps, numSteps / 10), numSteps),
            WeightDecay = 0.01,
            Preference = published with
            {
                Beta = job.Beta ?? published.Beta,
                NumSamples = job.NumSamples ?? published.NumSamples,
                SftWeight = job.SftWeight ?? published.SftWeight,
                NormalizesLength = job.NormalizesLength,
            },
        };
    }

    /// <summary>The settings of a planned job in the words of the library.</summary>
    public static ReinforcementOptions Reinforcement(ReinforcementSettings settings) => new()
    {
        GroupSize = settings.GroupSize,
        NumIterations = settings.NumIterations,
        NumSamples = settings.NumSamples,
        ClipRange = settings.ClipRange,
        Beta = settings.Beta,
        MaxAnswerTokens = settings.MaxTokens!.Value,
        SamplingSteps = settings.Steps,
        BlockLength = settings.BlockLength,
        Temperature = settings.Temperature,
    };

    /// <summary>The published recipe (ESPO): no warmup, a cosine to a tenth, small gradients.</summary>
    private static TrainingOptions WithReinforcement(ReinforcementSettings settings, TrainingOptions options)
    {
        var (peak, numSteps) = (options.LearningRate.Peak, options.LearningRate.NumSteps);
        return options with
        {
            LearningRate = LearningRateSchedule.Cosine(peak, peak * FinalShare, warmupSteps: 0, numSteps),
            Beta2 = 0.99,
            MaxGradNorm = 0.2,
            Reinforcement = Reinforcement(settings),
        };
    }

    private static IEnumerable<int> Halves(int rows)
    {
        for (; rows > 1; rows /= 2)
            yield return rows;
        yield return 1;
    }
}
