namespace LLaDA.Diffusion.Training;

/// <summary>
/// The noise levels that a training draws: t ~ U(<paramref name="Min"/>, <paramref name="Max"/>), a clipped schedule (Arriola et al., Block
/// Diffusion, 2025, section 5).
/// </summary>
/// <remarks>
/// The loss is the likelihood bound for all of [0, 1] alone. Levels near 0 have the noisiest gradients: without them a model learns faster,
/// short gaps included (docs/decisions/0029).
/// </remarks>
/// <param name="Min">At least 0.</param>
/// <param name="Max">Above <paramref name="Min"/>, at most 1.</param>
public sealed record NoiseLevels(double Min, double Max)
{
    public static readonly NoiseLevels All = new(0, 1);

    /// <param name="u">Uniform in [0, 1).</param>
    public double At(double u) => Min + ((Max - Min) * u);

    /// <summary>Every mistake, as sentences.</summary>
    public IEnumerable<string> Validate()
    {
        if (!(Min >= 0 && Min < Max && Max <= 1))
            yield return $"noise levels lie between {Min} and {Max}; it must be 0 <= min < max <= 1";
    }
}
