namespace LLaDA.Diffusion.Data;

/// <summary>
/// What a model is trained on. The rows of a step are a pure function of the step, so a resumed run needs no position of its own.
/// </summary>
public interface ITrainingData
{
    /// <summary>Rows of an epoch, at least 1.</summary>
    int NumRows { get; }

    /// <summary>Tokens of the longest row, an answer that is still to be sampled included.</summary>
    int MaxLength { get; }

    /// <summary>Differs where batches would differ; a run resumes with the data it began with only.</summary>
    string Fingerprint { get; }

    /// <summary>The batch of a step. Its padding is decided here, for all of its rows, before it is split for accumulation.</summary>
    /// <param name="step">From 0 on.</param>
    TrainingBatch Batch(int step, int batchSize);
}
