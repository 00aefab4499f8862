namespace LLaDA.Diffusion.Sampling;

/// <summary>Samples rows, at once as with a <see cref="Sampler"/> or over time as with a <see cref="SamplingEngine"/>.</summary>
/// <returns>A result by row.</returns>
public delegate Task<IReadOnlyList<SampledRow>> RowSampling(IReadOnlyList<SamplingRow> rows);
