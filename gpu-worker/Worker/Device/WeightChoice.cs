namespace LLaDA.Batch.Worker.Device;

/// <summary>How a card keeps the weights of models that were added without a type of their own.</summary>
internal enum WeightChoice
{
    /// <summary>In the type of the products.</summary>
    Auto,

    /// <summary>Matrices in 8 bits, with a scale for each row.</summary>
    Int8,
}
