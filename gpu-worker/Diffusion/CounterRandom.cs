namespace LLaDA.Diffusion;

/// <summary>
/// Random numbers that are a pure function of a seed, two counters and a stream, by Philox-4x32-10 (Salmon et al. 2011).
/// They do not depend on where, when or in which order they are drawn, so each row of a batch and each step of a run has its own noise.
/// </summary>
/// <param name="seed">The key; every value gives independent numbers.</param>
public readonly struct CounterRandom(ulong seed)
{
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;
    private const int Rounds = 10;

    /// <summary>A uniform number in the open interval (0, 1) with 52 random bits.</summary>
    /// <param name="step">Denoising or training step.</param>
    /// <param name="index">Position in the canvas, or row and position.</param>
    /// <param name="stream">What the draw is for.</param>
    public double Uniform(uint step, ulong index, RandomStream stream)
    {
        var (low, high) = Bits(step, index, stream);
        return ToUniform(((ulong)high << 32) | low);
    }

    /// <summary>A uniform integer in [0, bound).</summary>
    public ulong Below(ulong bound, uint step, ulong index, RandomStream stream)
    {
        var (low, high) = Bits(step, index, stream);
        return (ulong)(((UInt128)(((ulong)high << 32) | low) * bound) >> 64);
    }

    private (uint Low, uint High) Bits(uint step, ulong index, RandomStream stream)
    {
        var (first, second, _, _) = Philox(((uint)index, (uint)(index >> 32), step, (uint)stream), ((uint)seed, (uint)(seed >> 32)));
        return (first, second);
    }

    /// <summary>Uses 52 bits: with one more, adding a half to the largest number would round it up to 1.</summary>
    internal static double ToUniform(ulong bits) => ((bits >> 12) + 0.5) * (1.0 / (1UL << 52));

    internal static (uint, uint, uint, uint) Philox((uint, uint, uint, uint) counter, (uint, uint) key)
    {
        var (c0, c1, c2, c3) = counter;
        var (k0, k1) = key;
        for (int round = 0; round < Rounds; round++)
        {
            ulong product0 = (ulong)Multiplier0 * c0, product1 = (ulong)Multiplier1 * c2;
            (c0, c1, c2, c3) = ((uint)(product1 >> 32) ^ c1 ^ k0, (uint)product1, (uint)(product0 >> 32) ^ c3 ^ k1, (uint)product0);
            k0 += Weyl0;
            k1 += Weyl1;
        }
        return (c0, c1, c2, c3);
    }
}
