namespace LLaDA.Batch.Worker.Device;

/// <summary>The device that a worker computes on.</summary>
internal enum DeviceChoice
{
    /// <summary>The graphics card if there is one, else the CPU.</summary>
    Auto,

    Cpu,

    Cuda,
}

/// <summary>The settings from which <see cref="Hardware"/> is decided.</summary>
internal sealed record DeviceOptions
{
    public DeviceChoice Choice { get; init; }

    /// <summary>Memory of the graphics card in bytes, at least 1; null plans for the smallest card that is offered.</summary>
    public long? DeviceBytes { get; init; }

    public ProductType Products { get; init; }

    public WeightChoice Weights { get; init; }

    /// <summary>Tokens of all rows that share a forward pass, at least 1; null plans them by model and memory.</summary>
    public int? BatchTokens { get; init; }
}
