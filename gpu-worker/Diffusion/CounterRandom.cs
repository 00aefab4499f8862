namespace LLaDA.Diffusion;

/// <summary>
/// Random numbers that are a pure function of a seed and three counters, by Philox-4x32-10 (Salmon et al. 2011): the same wherever, whenever and in
/// whatever order they are drawn. Rows of a batch and steps of a run therefore have noise of their own.
/// </summary>
/// <param name="seed">The key; every value gives an independent stream.</param>
public readonly struct CounterRandom(ulong seed)
{
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57;
    private const uint Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;
    private const int Rounds = 10;

    /// <summary>A uniform number in the open interval (0, 1) with 52 random bits.</summary>
    /// <param name="step">Denoising or training step.</param>
    /// <param name="index">Position in the canvas, or row and position.</param>
    /// <param name="purpose">Keeps draws for different purposes apart.</param>
    public double Uniform(uint step, ulong index, uint purpose)
    {
        var (low, high) = Bits(step, index, purpose);
        return ToUniform(((ulong)high << 32) | low);
    }

    /// <summary>A uniform integer in [0, bound).</summary>
    public ulong Below(ulong bound, uint step, ulong index, uint purpose)
    {
        var (low, high) = Bits(step, index, purpose);
        return (ulong)(((UInt128)(((ulong)high << 32) | low) * bound) >> 64);
    }

    private (uint Low, uint High) Bits(uint step, ulong index, uint purpose)
    {
        var (first, second, _, _) = Philox(((uint)index, (uint)(index >> 32), step, purpose), ((uint)seed, (uint)(seed >> 32)));
        return (first, second);
    }

    /// <summary>With one bit more, the half added to the largest number would round it up to 1.</summary>
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
