using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary>What "auto" stands for. A job shows the values once its plan has chosen them.</summary>
internal static class AutoHyperparameters
{
    private const int MaxBatchSize = 32, MinStepsPerEpoch = 16;

    /// <summary>Of text in natural languages; only a guess at the number of sequences is made from it.</summary>
    private const int BytesPerToken = 4;

    /// <summary>Passes over the data: LLaDA's own.</summary>
    public const int Epochs = 3;

    /// <summary>As many rows as still give an epoch some steps.</summary>
    public static int BatchSize(FineTuningMethod method, int numLines, long numBytes, int contextLength)
    {
        long rows = method == FineTuningMethod.Supervised ? numLines : numBytes / (BytesPerToken * Math.Max(1, contextLength));
        return (int)Math.Clamp(rows / MinStepsPerEpoch, 1, MaxBatchSize);
    }
}
