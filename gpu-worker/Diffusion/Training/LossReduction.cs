namespace LLaDA.Diffusion.Training;

/// <summary>How the weighted cross entropies of a global batch become one number.</summary>
public enum LossReduction
{
    /// <summary>
    /// Each row's sum is divided by its number of learnt tokens, and the rows are averaged, as published.
    /// In pretraining, where all tokens are learnt, both reductions are the same.
    /// </summary>
    Answer,

    /// <summary>The sum is divided by all learnt tokens of the batch, so that every token counts alike, however long its answer.</summary>
    Token,

    /// <summary>The sum is divided by the masked tokens of the batch, as Dream and LLaDA2 do.</summary>
    Masked,
}
