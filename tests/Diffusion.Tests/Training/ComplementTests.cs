using CsCheck;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training;

namespace LLaDA.Diffusion.Tests.Training;

/// <summary>Rows that are trained twice in a step, with a mask and with its complement.</summary>
public sealed class ComplementTests : IDisposable
{
    private const int Mask = 99, Length = 12;

    private static readonly TrainingBatch s_batch = new(
        [.. Enumerable.Range(0, 3).Select(row => Enumerable.Range(row, Length).ToArray())], [0, 4, 7], [Length, Length, 10]);

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Each_learnt_token_is_masked_in_exactly_one_row_of_a_pair_and_no_other_token_in_any() =>
        Gen.Select(Gen.ULong, Gen.UInt, Gen.Bool).Sample((seed, step, isStratified) =>
        {
            var noised = Pairs(new CounterRandom(seed), step, isStratified);

            Assert.Equal((2 * s_batch.BatchSize, Length), (noised.BatchSize, noised.Length));
            for (int row = 0; row < s_batch.BatchSize; row++)
            {
                int[] masked = [.. noised.Masked.Where(token => token.Row / 2 == row).Select(token => token.Position).Order()];
                Assert.Equal(Enumerable.Range(0, Length).Take(s_batch.Learnt(row)), masked);
            }
            Assert.Equal(noised.Masked.OrderBy(token => token.Index), noised.Masked);
            foreach (var (index, token) in noised.Tokens.Index())
            {
                int clean = s_batch.Rows[index / Length / 2][index % Length];
                Assert.Equal(noised.Masked.Any(masked => masked.Index == index) ? Mask : clean, token);
            }
        });

    /// <summary>The first of two rows is noised as a row alone is, but for the highest levels.</summary>
    [Fact]
    public void Rows_of_a_pair_have_the_noise_levels_p_and_1_minus_p()
    {
        var noised = Pairs(new CounterRandom(5), step: 2, isStratified: false);
        var alone = ForwardProcess.Noise(s_batch, Mask, new CounterRandom(5), 2);

        var levels = noised.Masked.GroupBy(token => token.Row).ToDictionary(row => row.Key, row => row.First().Probability);
        foreach (var row in noised.Masked.GroupBy(token => token.Row))
            Assert.All(row, token => Assert.Equal(levels[row.Key], token.Probability));
        foreach (var (row, level) in levels.Where(entry => entry.Key % 2 == 0 && levels.ContainsKey(entry.Key + 1)))
        {
            Assert.Equal(1, level + levels[row + 1], 1e-12);
            Assert.Equal(alone.Masked.First(token => token.Row == row / 2).Probability, level, ForwardProcess.Epsilon);
        }
    }

    /// <summary>Every token counts 1 in expectation, in each row of a pair, and each row has every number of masks equally often.</summary>
    [Fact]
    public void Expectation_is_that_of_one_row()
    {
        const int steps = 40_000;
        var batch = new TrainingBatch([[1, 2, 3, 4]]);
        double[] weights = new double[2], numbers = new double[10];
        for (uint step = 0; step < steps; step++)
        {
            var noised = ForwardProcess.Noise(
                batch, Mask, new CounterRandom(1), step, objective: DiffusionObjective.LLaDA with { ProbabilityFloor = 0.05 },
                hasComplements: true);
            foreach (var token in noised.Masked)
                weights[token.Row] += 1 / token.Probability / steps / batch.Length;
            for (int row = 0; row < 2; row++)
                numbers[(row * 5) + noised.Masked.Count(token => token.Row == row)] += 1.0 / steps;
        }

        Assert.All(weights, weight => Assert.Equal(1, weight, 0.05));
        for (int count = 0; count <= 4; count++)
            Assert.Equal(numbers[count], numbers[5 + count], 0.02);
    }

    [Fact]
    public void Loss_of_a_pair_is_the_mean_of_its_rows()
    {
        using var model = TinyModel.Random();
        var batch = new TrainingBatch([[1, 2, 3, 4, 5, 6]]);
        var noised = ForwardProcess.Noise(batch, TinyModel.Mask, new CounterRandom(3), 0, hasComplements: true);

        double Loss(NoisedBatch part) => DiffusionLoss.Evaluate(model, part.Weigh(new int[part.BatchSize], LossReduction.Answer));
        Assert.Equal((Loss(noised.Slice(0, 1)) + Loss(noised.Slice(1, 1))) / 2, Loss(noised), 1e-5);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(3)]
    public void Run_resumes_to_the_bit(int? microBatchSize)
    {
        using var resumed = TinyModel.Random();
        using var whole = TinyModel.Random();
        using var folder = new TemporaryFolder();
        var options = TinyTraining.Options with { HasComplements = true, MicroBatchSize = microBatchSize };
        TinyTraining.RunUntil(7, resumed, _folder.Path, options);

        double[] rest = [.. TinyTraining.Run(resumed, _folder.Path, options).Select(metrics => metrics.Loss)];
        double[] all = [.. TinyTraining.Run(whole, folder.Path, options).Select(metrics => metrics.Loss)];

        Assert.Equal(all[^rest.Length..], rest);
        Assert.NotEqual(all, [.. TinyTraining.Run(TinyModel.Random(), folder.Path + "-plain").Select(metrics => metrics.Loss)]);
    }

    [Fact]
    public void Run_does_not_resume_without_them()
    {
        using var model = TinyModel.Random();
        TinyTraining.RunUntil(7, model, _folder.Path, TinyTraining.Options with { HasComplements = true });

        var refusal = Assert.Throws<CheckpointException>(() => TinyTraining.Run(model, _folder.Path));
        Assert.Contains("complementary masks", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Causal_network_is_refused()
    {
        using var model = TinyModel.Random(TinyModel.Config with { IsCausal = true });

        Assert.Throws<ArgumentException>(() => TinyTraining.Run(model, _folder.Path, TinyTraining.Options with { HasComplements = true }));
    }

    private static NoisedBatch Pairs(CounterRandom random, uint step, bool isStratified) =>
        ForwardProcess.Noise(s_batch, Mask, random, step, isStratified, hasComplements: true);
}
