namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// The number of tokens that each denoising step commits, equal for all steps under the linear schedule (LLaDA, Equation 8).
/// </summary>
public static class TransferSchedule
{
    /// <summary>
    /// Splits a block's masks over its steps in equal shares; the first ones get the remainder. The sum is <paramref name="numMasks"/>.
    /// </summary>
    /// <returns>[numSteps]; not increasing, largest and smallest differ by at most 1.</returns>
    public static int[] Split(int numMasks, int numSteps)
    {
        var (share, remainder) = Math.DivRem(numMasks, numSteps);
        return [.. Enumerable.Range(0, numSteps).Select(step => share + (step < remainder ? 1 : 0))];
    }

    /// <summary>
    /// Shares steps out among parts in proportion to their masks, at least one each. Equal parts whose number divides the steps get equal
    /// shares.
    /// The reference demands that case; here any canvas works.
    /// </summary>
    /// <param name="masksOfParts">Each at least 1.</param>
    /// <returns>By part; the sum may exceed <paramref name="numSteps"/>.</returns>
    public static int[] ShareSteps(IReadOnlyList<int> masksOfParts, int numSteps)
    {
        long total = masksOfParts.Sum();
        int[] steps = new int[masksOfParts.Count];
        long masksBefore = 0;
        for (int part = 0; part < steps.Length; part++)
        {
            long masksAfter = masksBefore + masksOfParts[part];
            steps[part] = (int)Math.Max(1, (numSteps * masksAfter / total) - (numSteps * masksBefore / total));
            masksBefore = masksAfter;
        }
        return steps;
    }

    /// <summary>The most denoising steps of a canvas: thresholds and ends of text only lessen them.</summary>
    /// <param name="numMasks">0 or more.</param>
    /// <param name="blockLength">Masks of a block; null for one block.</param>
    /// <param name="numSteps">Null for one token a step.</param>
    public static int MaxSteps(int numMasks, int? blockLength, int? numSteps)
    {
        if (numMasks == 0 || numSteps is not { } steps)
            return numMasks;
        int[] blocks = [.. Enumerable.Repeat(0, numMasks).Chunk(blockLength ?? numMasks).Select(block => block.Length)];
        return blocks.Zip(ShareSteps(blocks, steps), Math.Min).Sum();
    }
}
