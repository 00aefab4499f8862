namespace LLaDA.Batch.Worker.Device;

/// <summary>The type of the matrix products, in which weights are then kept too.</summary>
internal enum ProductType
{
    /// <summary>BFloat16 on a card that is made for it, Float16 on another one, and Float32 on a CPU.</summary>
    Auto,

    Float32,

    BFloat16,

    Float16,
}
