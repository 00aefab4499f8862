using LLaDA.Diffusion.Data;

namespace LLaDA.Diffusion.Training;

/// <summary>
/// The forward process q(x_t | x_0) of absorbing diffusion: every token becomes [MASK] independently with probability p_mask(t).
/// </summary>
/// <remarks>LLaDA, Algorithm 1: t ~ U(0, 1), one for each sequence, and p_mask = (1 - epsilon) t + epsilon.</remarks>
public static class ForwardProcess
{
    /// <summary>The floor under p_mask, which bounds the weight 1 / p_mask of a token.</summary>
    public const double Epsilon = 1e-3;

    /// <param name="t">Noise level in [0, 1].</param>
    public static double MaskProbability(double t) => ((1 - Epsilon) * t) + Epsilon;

    /// <summary>
    /// Noises the learnt tokens of a batch; prompts and padding stay clean.
    /// The noise is a pure function of the seed, the step and the row, so a resumed run sees the same.
    /// </summary>
    /// <param name="isStratified">Spreads t evenly over the rows, t_i = (u + i / B) mod 1, instead of drawing each one.</param>
    /// <param name="levels">Where t lies; all of [0, 1] unless given.</param>
    /// <param name="masksEveryRow">
    /// Draws the masks of a row on the condition that it has at least one. <see cref="MaskedToken.Probability"/> is then that of the token
    /// under this condition, p / (1 - (1 - p)^n) for n learnt tokens, so the expectation of the loss is unchanged.
    /// </param>
    /// <param name="objective">Gives the probability of a mask at t; LLaDA's unless given.</param>
    /// <param name="hasComplements">
    /// Each row is followed by the same one with its other learnt tokens masked, each with probability 1 - p. Then p = (1 - 2 epsilon) t +
    /// epsilon, so that over all t both rows of a pair are alike. Not with <paramref name="masksEveryRow"/>.
    /// </param>
    public static NoisedBatch Noise(
        TrainingBatch batch, int maskTokenId, CounterRandom random, uint step,
        bool isStratified = false, NoiseLevels? levels = null, bool masksEveryRow = false, DiffusionObjective? objective = null,
        bool hasComplements = false)
    {
        if (masksEveryRow && hasComplements)
            throw new ArgumentException("A row and its complement mask every token once, so no mask is required", nameof(hasComplements));
        double floor = objective?.ProbabilityFloor ?? Epsilon;
        Func<double, double> probabilityOf = hasComplements ? t => ((1 - (2 * floor)) * t) + floor
            : objective is null ? MaskProbability : objective.MaskProbability;
        double[] t = Times(batch.BatchSize, random, step, isStratified, levels ?? NoiseLevels.All);
        double[][] uniform = new double[batch.BatchSize][];
        for (int row = 0; row < uniform.Length; row++)
        {
            uniform[row] = Uniform(batch.Rows[row].Length, random, step, row, RandomStream.Mask);
            if (masksEveryRow)
                RequireMask(uniform[row].AsSpan(batch.Learnt(row)), probabilityOf(t[row]), random, step, row);
        }
        double[] probabilities = [.. t.Select(probabilityOf)];
        if (hasComplements)
        {
            return Noise(
                batch.Twice().Rows, maskTokenId, [.. probabilities.SelectMany(p => new[] { p, 1 - p })],
                (row, position) => uniform[row / 2][position] < probabilities[row / 2] == (row % 2 == 0)).Restore(batch.Twice());
        }
        var noised = Noise(batch.Rows, maskTokenId, probabilities, (row, position) => uniform[row][position] < probabilities[row])
            .Restore(batch);
        if (!masksEveryRow)
            return noised;
        return noised with
        {
            Masked = [.. noised.Masked.Select(token => token with { Probability = Conditional(token.Probability, batch, token.Row) })],
        };
    }

    /// <summary>Noises rows of which every token is learnt.</summary>
    /// <param name="x0">Clean tokens, [B][L].</param>
    public static NoisedBatch Noise(
        int[][] x0, int maskTokenId, CounterRandom random, uint step, bool isStratified = false, NoiseLevels? levels = null) =>
        Noise(new TrainingBatch(x0), maskTokenId, random, step, isStratified, levels) with { Ends = null };

    /// <summary>Noises a batch with given draws: a token is masked where its uniform number lies below p_mask.</summary>
    /// <param name="x0">Clean tokens, [B][L].</param>
    /// <param name="t">[B], in [0, 1].</param>
    /// <param name="uniform">[B][L], in [0, 1).</param>
    public static NoisedBatch Noise(int[][] x0, int maskTokenId, double[] t, double[][] uniform) =>
        Noise(x0, maskTokenId, [.. t.Select(MaskProbability)], (row, position) => uniform[row][position] < MaskProbability(t[row]));

    private static NoisedBatch Noise(int[][] x0, int maskTokenId, double[] probabilities, Func<int, int, bool> masks)
    {
        int length = x0[0].Length;
        long[] noisy = new long[x0.Length * length];
        List<MaskedToken> masked = [];
        for (int row = 0; row < x0.Length; row++)
        {
            for (int position = 0; position < length; position++)
            {
                bool isMasked = masks(row, position);
                int index = (row * length) + position;
                noisy[index] = isMasked ? maskTokenId : x0[row][position];
                if (isMasked)
                    masked.Add(new MaskedToken(row, position, index, x0[row][position], probabilities[row]));
            }
        }
        return new NoisedBatch(noisy, x0.Length, length, masked);
    }

    private static double[] Times(int batchSize, CounterRandom random, uint step, bool isStratified, NoiseLevels levels)
    {
        double[] t = new double[batchSize];
        for (int row = 0; row < batchSize; row++)
        {
            double u = isStratified
                ? (random.Uniform(step, 0, RandomStream.NoiseLevel) + ((double)row / batchSize)) % 1
                : random.Uniform(step, (ulong)row, RandomStream.NoiseLevel);
            t[row] = levels.At(u);
        }
        return t;
    }

    private static double[] Uniform(int length, CounterRandom random, uint step, int row, RandomStream stream)
    {
        double[] uniform = new double[length];
        for (int position = 0; position < length; position++)
            uniform[position] = random.Uniform(step, ((ulong)row << 32) | (uint)position, stream);
        return uniform;
    }

    /// <summary>
    /// Replaces draws that mask nothing by draws from the condition that something is masked: where the first mask lies is geometric,
    /// cut off at the end; nothing before it is masked, what follows is independent.
    /// </summary>
    private static void RequireMask(Span<double> uniform, double probability, CounterRandom random, uint step, int row)
    {
        if (uniform.Length == 0 || uniform.ContainsAnyInRange(0, Math.BitDecrement(probability)))
            return;
        double any = AnyProbability(probability, uniform.Length);
        double u = random.Uniform(step, (ulong)row, RandomStream.FirstMask);
        int first = Math.Clamp((int)(double.LogP1(-u * any) / double.LogP1(-probability)), 0, uniform.Length - 1);
        uniform[..first].Fill(1);
        uniform[first] = 0;
        Uniform(uniform.Length - first - 1, random, step, row, RandomStream.MaskAfterFirst).CopyTo(uniform[(first + 1)..]);
    }

    /// <summary>The probability that a token is masked in a row in which some learnt token is.</summary>
    private static double Conditional(double probability, TrainingBatch batch, int row)
    {
        var (_, count) = batch.Learnt(row).GetOffsetAndLength(batch.Length);
        return probability / AnyProbability(probability, count);
    }

    /// <summary>1 - (1 - p)^n, exact for small p too.</summary>
    private static double AnyProbability(double probability, int count) =>
        probability >= 1 ? 1 : -double.ExpM1(count * double.LogP1(-probability));
}
