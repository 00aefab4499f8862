using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>The values of "auto", from the amount of data (docs/decisions/0043). A job shows them once its plan has chosen them.</summary>
internal sealed record AutoHyperparameters(int Epochs, int BatchSize, double LearningRateMultiplier)
{
    /// <summary>LLaDA's own for large data.</summary>
    private const int MinEpochs = 3;

    private const int MaxEpochs = 50, MinBatchSize = 4, MaxBatchSize = 32, MinStepsPerEpoch = 16, MaxPreferenceEpochs = 10;

    /// <summary>Prompts of a step, of each of which there are several answers; as published.</summary>
    private const int MaxPrompts = 8;

    /// <summary>Tokens of an answer, as published; fewer in a model that is too short for a prompt beside it.</summary>
    private const int MaxAnswerTokens = 256;

    /// <summary>Rows that a supervised job draws at least, or pairs or prompts that others do, as far as the epochs allow.</summary>
    private const int MinDraws = 500;

    /// <summary>Steps from which on the usual rate suffices.</summary>
    private const int UsualSteps = 1000;

    /// <summary>Prompt vectors have a usual rate that is high already.</summary>
    private const double MaxMultiplier = 8, MaxPromptMultiplier = 4;

    /// <summary>Of text in natural languages; only a guess at the number of sequences is made from it.</summary>
    private const int BytesPerToken = 4;

    /// <summary>As published (LLaDA 1.5).</summary>
    private static readonly PreferencePlan s_published = new(Beta: 0.2, NumSamples: 8, SftWeight: 0.05);

    /// <summary>Of a job of preferences; null for others.</summary>
    public PreferencePlan? Preference { get; init; }

    /// <summary>Of a job of reinforcement; null for others.</summary>
    public ReinforcementSettings? Reinforcement { get; init; }

    /// <summary>The values for a job: its own where it names them.</summary>
    public static AutoHyperparameters Of(FineTuningJobRecord job, int numLines, long numBytes, int contextLength)
    {
        long rows = Rows(job.Method, numLines, numBytes, contextLength);
        int epochs = job.Epochs ?? EpochsOf(job.Method, numLines), batchSize = job.BatchSize ?? BatchSizeOf(job.Method, rows);
        var reinforcement = job.Reinforcement is { } json ? ReinforcementSettings.Parse(json) : null;
        int numIterations = reinforcement?.NumIterations ?? 1;
        double multiplier = job.LearningRateMultiplier
            ?? LearningRateMultiplierOf((double)epochs * rows / batchSize * numIterations, job.NumVirtualTokens is not null);
        return new AutoHyperparameters(epochs, batchSize, multiplier)
        {
            Preference = job.Method == FineTuningMethod.Dpo ? s_published : null,
            Reinforcement = reinforcement is null
                ? null
                : reinforcement with { MaxTokens = reinforcement.MaxTokens ?? Math.Clamp(contextLength / 2, 1, MaxAnswerTokens) },
        };
    }

    /// <returns>
    /// Passes over the data, 3 to 50: the fewer examples, the more, since each pass draws one noise level of an example.
    /// For preferences and reinforcement, of which a pass draws several, 1 to 10.
    /// </returns>
    private static int EpochsOf(FineTuningMethod method, int numLines) => method switch
    {
        FineTuningMethod.Supervised => Math.Clamp((MinDraws + numLines - 1) / Math.Max(1, numLines), MinEpochs, MaxEpochs),
        FineTuningMethod.Dpo or FineTuningMethod.Reinforcement =>
            Math.Clamp((MinDraws + numLines - 1) / Math.Max(1, numLines), 1, MaxPreferenceEpochs),
        _ => MinEpochs,
    };

    /// <returns>Rows of a step, 1 to 32, or to 8 prompts: a sixteenth of an epoch, but four where there are as many.</returns>
    private static int BatchSizeOf(FineTuningMethod method, long rows) => (int)Math.Clamp(
        rows / MinStepsPerEpoch,
        Math.Clamp(rows, 1, MinBatchSize),
        method == FineTuningMethod.Reinforcement ? MaxPrompts : MaxBatchSize);

    /// <returns>1 to 8, or to 4 for prompt vectors: a training of few steps takes larger ones.</returns>
    private static double LearningRateMultiplierOf(double steps, bool isPrompt) =>
        Math.Round(Math.Clamp(UsualSteps / Math.Max(1, steps), 1, isPrompt ? MaxPromptMultiplier : MaxMultiplier), 2);

    private static long Rows(FineTuningMethod method, int numLines, long numBytes, int contextLength) =>
        method == FineTuningMethod.Pretrain ? numBytes / (BytesPerToken * Math.Max(1, contextLength)) : numLines;
}
