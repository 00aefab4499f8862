namespace LLaDA.Diffusion.Data;

/// <summary>What a model is trained on. Which rows make up a step is a pure function of the step, so that a resumed run needs no position of its own.</summary>
public interface ITrainingData
{
    /// <summary>Rows of an epoch.</summary>
    int NumRows { get; }

    /// <summary>Tokens of the longest row.</summary>
    int MaxLength { get; }

    /// <summary>Tells data that would give other batches apart; a run does not go on with other data than it began with.</summary>
    string Fingerprint { get; }

    /// <summary>The batch of a step. Its padding is decided here, for all of its rows, before it is split for accumulation.</summary>
    /// <param name="step">From 0 on.</param>
    TrainingBatch Batch(int step, int batchSize);
}

/// <summary>The clean tokens of one step.</summary>
/// <param name="Rows">x_0, [B][L].</param>
/// <param name="PromptLengths">Tokens at the start of each row that are given and never noised, [B].</param>
/// <param name="Ends">Where what is learnt of each row ends, [B]; tokens from there to L are padding that nobody sees. L where padding is learnt too.</param>
public sealed record TrainingBatch(int[][] Rows, int[] PromptLengths, int[] Ends)
{
    /// <summary>Rows of which every token is learnt.</summary>
    public TrainingBatch(int[][] rows)
        : this(rows, new int[rows.Length], [.. rows.Select(row => row.Length)])
    {
    }

    public int BatchSize => Rows.Length;

    public int Length => Rows[0].Length;

    /// <summary>The same with every row cut; a row whose answer is cut off altogether counts as one that taught nothing.</summary>
    public TrainingBatch Cut(int length) => new(
        [.. Rows.Select(row => row[..length])],
        [.. PromptLengths.Select(prompt => Math.Min(prompt, length))],
        [.. Ends.Select(end => Math.Min(end, length))]);
}
