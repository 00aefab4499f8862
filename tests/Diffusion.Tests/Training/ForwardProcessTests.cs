using CsCheck;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class ForwardProcessTests
{
    private const int Mask = 99;

    [Theory]
    [InlineData(0, 0.001)]
    [InlineData(0.25, 0.25075)]
    [InlineData(0.5, 0.5005)]
    [InlineData(1, 1)]
    public void Mask_probability_is_linear_above_its_floor(double t, double probability) =>
        Assert.Equal(probability, ForwardProcess.MaskProbability(t), 1e-12);

    [Fact]
    public void Token_is_masked_where_its_number_lies_below_the_probability()
    {
        var batch = ForwardProcess.Noise([[1, 2, 3], [4, 5, 6]], Mask, [0, 0.5], [[0, 0.0009, 0.001], [0.5004, 0.5005, 0.9]]);

        Assert.Equal([Mask, Mask, 3, Mask, 5, 6], batch.Tokens);
        Assert.Equal([new(0, 0, 0, 1, 0.001), new(0, 1, 1, 2, 0.001), new(1, 0, 3, 4, 0.5005)], batch.Masked);
        Assert.Equal((2, 3), (batch.BatchSize, batch.Length));
    }

    [Fact]
    public void Masked_tokens_are_those_that_changed_and_share_their_rows_probability() =>
        Gen.Select(Gen.ULong, Gen.UInt, Gen.Bool).Sample((seed, step, isStratified) =>
        {
            int[][] x0 = Rows(5, 40);
            var batch = ForwardProcess.Noise(x0, Mask, new CounterRandom(seed), step, isStratified);

            long[] restored = [.. batch.Tokens];
            foreach (var token in batch.Masked)
            {
                Assert.Equal((token.Row * 40) + token.Position, token.Index);
                Assert.Equal(Mask, restored[token.Index]);
                restored[token.Index] = token.Token;
            }
            Assert.Equal(x0.SelectMany(row => row).Select(token => (long)token), restored);
            Assert.All(batch.Masked.GroupBy(token => token.Row), row => Assert.Single(row.Select(token => token.Probability).Distinct()));
        });

    [Fact]
    public void Share_of_masks_follows_the_rows_probability()
    {
        const int length = 4000;
        var batch = ForwardProcess.Noise(Rows(24, length), Mask, new CounterRandom(3), step: 7);

        foreach (var row in batch.Masked.GroupBy(token => token.Row))
        {
            double p = row.First().Probability;
            // Five standard deviations of the binomial distribution.
            Assert.InRange(row.Count() - (length * p), -5 * Math.Sqrt(length * p * (1 - p)) - 1, 5 * Math.Sqrt(length * p * (1 - p)) + 1);
        }
    }

    [Fact]
    public void Weights_average_to_one_so_that_a_constant_loss_is_its_own_expectation()
    {
        double sum = 0;
        for (uint step = 0; step < 100; step++)
            sum += ForwardProcess.Noise(
                Rows(8, 64), Mask, new CounterRandom(1), step).Masked.Sum(token => 1 / token.Probability) / (8 * 64);

        // The variance of a token's weight is E[1/p] - 1, about 6: four standard deviations of 51,200 of them.
        Assert.InRange(sum / 100, 1 - 0.044, 1 + 0.044);
    }

    [Fact]
    public void Noise_levels_are_uniform()
    {
        double[] times = [.. Enumerable.Range(0, 50).SelectMany(step => Times(isStratified: false, (uint)step))];

        // 99.9 % quantile of chi square with 9 degrees of freedom; 400 times in 10 bins.
        var counts = Enumerable.Range(0, 10).Select(bin => times.Count(t => (int)(10 * t) == bin));
        Assert.InRange(counts.Sum(count => Math.Pow(count - 40, 2) / 40), 0, 27.9);
    }

    [Fact]
    public void Stratified_noise_levels_are_evenly_spread_and_shifted_by_chance()
    {
        double[] shifts = new double[20];
        for (uint step = 0; step < shifts.Length; step++)
        {
            double[] t = [.. Times(isStratified: true, step).Order()];
            for (int row = 1; row < t.Length; row++)
                Assert.Equal(1.0 / t.Length, t[row] - t[row - 1], 1e-9);
            shifts[step] = t[0];
        }
        Assert.Equal(shifts.Length, shifts.Distinct().Count());
        Assert.All(shifts, shift => Assert.InRange(shift, 0, 1.0 / 8));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Clipped_noise_levels_are_the_same_draws_in_their_range(bool isStratified)
    {
        double[] all = [.. Times(isStratified, step: 3)], clipped = [.. Times(isStratified, step: 3, new NoiseLevels(0.2, 0.5))];

        Assert.Equal(8, clipped.Length);
        Assert.All(all.Zip(clipped), pair => Assert.Equal(0.2 + (0.3 * pair.First), pair.Second, 1e-9));
    }

    [Fact]
    public void Noise_is_a_function_of_seed_and_step()
    {
        long[] Tokens(ulong seed, uint step) => ForwardProcess.Noise(Rows(4, 64), Mask, new CounterRandom(seed), step).Tokens;

        Assert.Equal(Tokens(1, 2), Tokens(1, 2));
        Assert.NotEqual(Tokens(1, 2), Tokens(1, 3));
        Assert.NotEqual(Tokens(1, 2), Tokens(2, 2));
    }

    [Fact]
    public void Every_row_has_a_mask_where_that_is_asked_and_keeps_the_masks_that_it_had() =>
        Gen.Select(
            Gen.ULong, Gen.UInt, Gen.Bool, Gen.Int[0, 8].Array[5], Gen.Double[1e-6, 1]).Sample((seed, step, isStratified, prompts, max) =>
        {
            var batch = new TrainingBatch(Rows(5, 10), prompts, [10, 9, 10, 9, 10]);
            var (random, levels) = (new CounterRandom(seed), new NoiseLevels(0, max));

            var published = ForwardProcess.Noise(batch, Mask, random, step, isStratified, levels);
            var forced = ForwardProcess.Noise(batch, Mask, random, step, isStratified, levels, masksEveryRow: true);

            Assert.Equal(Enumerable.Range(0, 5), forced.Masked.Select(token => token.Row).Distinct());
            Assert.All(forced.Masked, token => Assert.InRange(token.Position, prompts[token.Row], batch.Ends[token.Row] - 1));
            foreach (var row in published.Masked.GroupBy(token => token.Row))
                Assert.Equal(
                    row.Select(token => token.Position),
                    forced.Masked.Where(token => token.Row == row.Key).Select(token => token.Position));
        });

    [Fact]
    public void Row_without_a_learnt_token_stays_without_a_mask() =>
        Assert.Empty(
            ForwardProcess.Noise(new TrainingBatch([[1, 2, 3]], [3], [3]), Mask, new CounterRandom(1), 0, masksEveryRow: true).Masked);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(12)]
    public void Masks_of_every_row_are_weighted_so_that_a_constant_loss_is_its_own_expectation(int numLearnt)
    {
        const int numSteps = 4000, batchSize = 8, length = 14;
        int[] prompts = [.. Enumerable.Repeat(length - numLearnt, batchSize)];
        var batch = new TrainingBatch(Rows(batchSize, length), prompts, [.. Enumerable.Repeat(length, batchSize)]);
        double[] byPosition = new double[length];
        double published = 0, forced = 0;
        for (uint step = 0; step < numSteps; step++)
        {
            published += Square(ForwardProcess.Noise(batch, Mask, new CounterRandom(2), step));
            var noised = ForwardProcess.Noise(batch, Mask, new CounterRandom(2), step, masksEveryRow: true);
            forced += Square(noised);
            foreach (var token in noised.Masked)
                byPosition[token.Position] += 1 / (token.Probability * numSteps * batchSize);
        }

        // The weight of a token lies below n, so its standard error over 32,000 rows is below sqrt(n / 32,000).
        double error = 5 * Math.Sqrt((double)numLearnt / (numSteps * batchSize));
        Assert.All(byPosition[^numLearnt..], weight => Assert.InRange(weight, 1 - error - 1e-9, 1 + error + 1e-9));
        Assert.All(byPosition[..^numLearnt], weight => Assert.Equal(0, weight));
        Assert.True(forced < published);

        static double Square(NoisedBatch noised) =>
            noised.Masked.GroupBy(token => token.Row).Sum(row => Math.Pow(row.Sum(token => 1 / token.Probability), 2));
    }

    [Fact]
    public void Restored_prompts_are_given_and_not_predicted() =>
        Gen.Select(Gen.ULong, Gen.Int[0, 20].Array[4]).Sample((seed, promptLengths) =>
        {
            int[][] x0 = Rows(4, 20);
            var noised = ForwardProcess.Noise(x0, Mask, new CounterRandom(seed), 0);

            var batch = noised.RestorePrompts(promptLengths, x0);

            for (int row = 0; row < 4; row++)
            {
                Assert.Equal(
                    x0[row][..promptLengths[row]].Select(token => (long)token), batch.Tokens.Skip(row * 20).Take(promptLengths[row]));
                Assert.Equal(
                    noised.Tokens[((row * 20) + promptLengths[row])..((row + 1) * 20)],
                    batch.Tokens[((row * 20) + promptLengths[row])..((row + 1) * 20)]);
            }
            Assert.Equal(noised.Masked.Where(token => token.Position >= promptLengths[token.Row]), batch.Masked);
        });

    private static int[][] Rows(int count, int length) =>
        [.. Enumerable.Range(0, count).Select(row => Enumerable.Range(0, length).Select(position => (row + position) % 50).ToArray())];

    /// <summary>The noise levels of a batch of eight rows, long enough that each has masks.</summary>
    private static IEnumerable<double> Times(bool isStratified, uint step, NoiseLevels? levels = null) =>
        ForwardProcess.Noise(Rows(8, 6000), Mask, new CounterRandom(5), step, isStratified, levels: levels).Masked
            .GroupBy(token => token.Row).Select(row => (row.First().Probability - ForwardProcess.Epsilon) / (1 - ForwardProcess.Epsilon));
}
