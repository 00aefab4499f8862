using CsCheck;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class LossReductionTests
{
    private static readonly Gen<TrainingBatch> s_batches =
        from rows in Gen.Int[1, 6]
        from length in Gen.Int[4, 30]
        from prompts in Gen.Int[0, length - 2].Array[rows]
        from paddings in Gen.Int[0, 1].Array[rows]
        select new TrainingBatch(
            [.. Enumerable.Range(0, rows).Select(row => Enumerable.Range(row, length).Select(token => token % 30).ToArray())], prompts,
            [.. paddings.Select(padding => length - padding)]);

    [Fact]
    public void Only_answers_are_noised() =>
        Gen.Select(s_batches, Gen.ULong).Sample((batch, seed) =>
        {
            var noised = ForwardProcess.Noise(batch.Rows, TinyModel.Mask, new CounterRandom(seed), 0).Restore(batch);

            Assert.All(noised.Masked, token => Assert.InRange(token.Position, batch.PromptLengths[token.Row], batch.Ends[token.Row] - 1));
            foreach (var (index, token) in noised.Tokens.Index().Where(entry => entry.Item != TinyModel.Mask))
                Assert.Equal(batch.Rows[index / batch.Length][index % batch.Length], token);
            Assert.Equal(noised.Masked.Count, noised.Tokens.Count(token => token == TinyModel.Mask));
        });

    [Fact]
    public void Constant_cross_entropy_is_the_loss_in_both_reductions_when_the_weights_are_exact() =>
        s_batches.Sample(batch =>
        {
            // Every answer token masked, with p = 1: the weights of a batch sum to one.
            var noised = ForwardProcess.Noise(
                batch.Rows, TinyModel.Mask, [.. batch.Rows.Select(_ => 1.0)],
                [.. batch.Rows.Select(row => new double[row.Length])]).Restore(batch);

            Assert.Equal(1, LossWeights.Of(batch.PromptLengths, noised, LossReduction.Answer).Sum(), 1e-4);
            Assert.Equal(1, LossWeights.Of(batch.PromptLengths, noised, LossReduction.Token).Sum(), 1e-4);
        });

    [Fact]
    public void Answers_count_alike_or_tokens_do()
    {
        var batch = new TrainingBatch([[1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]], [4, 2], [6, 6]);
        var noised = new NoisedBatch(new long[12], 2, 6, [new(0, 4, 4, 1, 0.5), new(1, 3, 9, 0, 0.25)]);

        Assert.Equal([1 / (0.5f * 2 * 2), 1 / (0.25f * 4 * 2)], LossWeights.Of(batch.PromptLengths, noised, LossReduction.Answer));
        Assert.Equal([1 / (0.5f * 6), 1 / (0.25f * 6)], LossWeights.Of(batch.PromptLengths, noised, LossReduction.Token));
    }

    [Theory]
    [InlineData(LossReduction.Answer, 2)]
    [InlineData(LossReduction.Answer, 3)]
    [InlineData(LossReduction.Token, 2)]
    [InlineData(LossReduction.Token, 1)]
    public void Gradients_add_up_to_those_of_the_whole_batch(LossReduction reduction, int microBatchSize)
    {
        using var scope = NewDisposeScope();
        using var whole = TinyModel.Random();
        using var split = TinyModel.Random();
        // Prompts and paddings differ, so that no piece could tell the divisor by itself.
        var batch = new TrainingBatch(
            [.. Enumerable.Range(0, 8).Select(row => Enumerable.Range(row, 20).ToArray())], [0, 3, 6, 1, 17, 2, 9, 4],
            [20, 18, 20, 9, 20, 20, 12, 20]);
        var noised = ForwardProcess.Noise(batch.Rows, TinyModel.Mask, new CounterRandom(3), 0).Restore(batch)
            .Weigh(batch.PromptLengths, reduction);

        double expected = DiffusionLoss.Backward(whole, noised).item<float>();
        double sum = 0;
        for (int first = 0; first < 8; first += microBatchSize)
        {
            var slice = noised.Slice(first, Math.Min(microBatchSize, 8 - first));
            sum += DiffusionLoss.Backward(split, slice).item<float>();
        }

        Assert.Equal(expected, sum, 1e-5 * expected);
        foreach (var (name, parameter) in whole.named_parameters())
            TensorAssert.Close(parameter.grad!, split.Parameter(name).grad!, 1e-6);
    }

    [Fact]
    public void Padding_that_is_not_learnt_is_not_seen_either()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        double Loss(int filler)
        {
            int[][] rows = [[1, 2, 3, 4, 5, 6], [7, 8, 9, filler, filler, filler]];
            var batch = new TrainingBatch(rows, [1, 1], [6, 3]);
            var noised = ForwardProcess.Noise(
                rows, TinyModel.Mask, [0.5, 0.9], [[0.9, 0.1, 0.9, 0.1, 0.9, 0.1], [0.9, 0.1, 0.9, 0.1, 0.9, 0.1]]).Restore(batch);
            return DiffusionLoss.Evaluate(model, noised.Weigh(batch.PromptLengths, LossReduction.Answer));
        }

        Assert.Equal(Loss(TinyModel.Eos), Loss(20));
    }
}
