namespace LLaDA.Diffusion;

/// <summary>
/// Which tokens of an answer the samples of a likelihood mask. Exactly k are masked, and the samples' k are spread evenly over 1 to the
/// length of a part: both reduce the variance. A pure function of seed, sample and the parts.
/// </summary>
internal static class AnswerMasks
{
    /// <param name="parts">
    /// Tokens of the answer, from 0, each part masked as if it stood alone, with numbers that depend on where it begins.
    /// </param>
    /// <param name="numSamples">At least 1.</param>
    /// <param name="firstSample">Samples before it are left out, 0 or more.</param>
    /// <returns>By sample, and by token of the answer: true where masked.</returns>
    public static IEnumerable<bool[]> Of(int[][] parts, int numSamples, ulong seed, int firstSample = 0)
    {
        var random = new CounterRandom(seed);
        for (int sample = firstSample; sample < numSamples; sample++)
        {
            bool[] pattern = new bool[parts.Sum(part => part.Length)];
            foreach (int[] part in parts)
            {
                double start = random.Uniform(0, ((ulong)part[0] << 32) + (ulong)part.Length, RandomStream.MaskCount);
                int numMasks = 1 + (int)(part.Length * ((start + ((double)sample / numSamples)) % 1));
                var order = part.OrderBy(token => random.Uniform((uint)sample, (ulong)token, RandomStream.AnswerMask));
                foreach (int token in order.Take(numMasks))
                    pattern[token] = true;
            }
            yield return pattern;
        }
    }
}
