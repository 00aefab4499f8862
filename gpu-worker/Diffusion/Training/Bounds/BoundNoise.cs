namespace LLaDA.Diffusion.Training.Bounds;

/// <summary>
/// Which tokens of a response each of its samples masks: k of l, k uniform over 1 to l, any k alike. A sample weighted by l / k estimates
/// the likelihood bound without bias (LLaDA, Equation 6), as independent masks at level t weighted by 1 / t do, and with less variance.
/// </summary>
/// <remarks>A pure function of the seed, the step and the response, so that all models that are compared see the same.</remarks>
internal sealed class BoundNoise(CounterRandom random, BoundSamples samples)
{
    /// <param name="response">Its number in the batch.</param>
    /// <param name="length">l, at least 1.</param>
    /// <returns>[n][k], positions in the response from 0 on, ascending.</returns>
    public int[][] Masks(uint step, int response, int length) => samples.IsAntithetic
        ? Antithetic(step, response, length)
        : [.. Enumerable.Range(0, samples.Count).Select(sample =>
            Mask(Order(step, response, sample, length), Level(step, response, sample), length))];

    /// <summary>
    /// Levels are spread over n equal parts of [0, 1]. The one of part j is t, that of part n - 1 - j is 1 - t, and the second masks its
    /// tokens from the other end of the same order: together the two mask every token, one of them twice.
    /// </summary>
    private int[][] Antithetic(uint step, int response, int length)
    {
        int count = samples.Count;
        int[][] masks = new int[count][];
        for (int part = 0; part < (count + 1) / 2; part++)
        {
            int[] order = Order(step, response, part, length);
            double t = (part + Level(step, response, part)) / count;
            masks[part] = Mask(order, t, length);
            if (count - 1 - part > part)
                masks[count - 1 - part] = Mask([.. order.Reverse()], 1 - t, length);
        }
        return masks;
    }

    private static int[] Mask(int[] order, double t, int length) =>
        [.. order.Take(Math.Min(1 + (int)(length * t), length)).Order()];

    private double Level(uint step, int response, int sample) =>
        random.Uniform(step, Index(response, sample, 0), RandomStream.BoundLevel);

    private int[] Order(uint step, int response, int sample, int length) =>
    [
        .. Enumerable.Range(0, length).OrderBy(position =>
            random.Uniform(step, Index(response, sample, position), RandomStream.BoundMask)),
    ];

    /// <summary>32 bits of position, 8 of sample.</summary>
    private static ulong Index(int response, int sample, int position) =>
        ((ulong)response << 40) | ((ulong)sample << 32) | (uint)position;
}
