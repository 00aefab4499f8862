namespace LLaDA.Batch.Shared.Models;

/// <summary>How a card keeps a model's weights.</summary>
public enum ModelWeights
{
    /// <summary>As the worker keeps others: in the type of its products unless its profile has a default.</summary>
    Auto,

    /// <summary>The matrices in 8 bits, with a scale for each row.</summary>
    Int8,
}
