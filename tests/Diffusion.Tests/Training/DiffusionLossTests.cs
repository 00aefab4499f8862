using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class DiffusionLossTests
{
    [Fact]
    public void Pretraining_divides_by_all_tokens_and_weighs_by_the_probability()
    {
        using var scope = NewDisposeScope();
        // Cross entropies of 2 and 1: tokens 0 and 1 have probabilities e^-2 and e^-1.
        using var model = TinyModel.Predicting(-2, -1, Math.Log(1 - Math.Exp(-2) - Math.Exp(-1)));
        var batch = new NoisedBatch([TinyModel.Mask, 5, TinyModel.Mask, 5], 1, 4, [new(0, 0, 0, 0, 0.5), new(0, 2, 2, 1, 0.5)]);

        Assert.Equal(1.5, DiffusionLoss.Pretraining(model, batch).item<float>(), 1e-5);
    }

    [Fact]
    public void Fine_tuning_divides_by_each_rows_answer()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Predicting(-2, -1, Math.Log(1 - Math.Exp(-2) - Math.Exp(-1)));
        // Answers of 2 and 4 tokens behind prompts of 4 and 2; one mask each, with cross entropies of 1 and 2.
        long[] tokens = [5, 5, 5, 5, TinyModel.Mask, 5, 5, 5, 5, TinyModel.Mask, 5, 5];
        var batch = new NoisedBatch(tokens, 2, 6, [new(0, 4, 4, 1, 0.5), new(1, 3, 9, 0, 0.25)]);

        Assert.Equal(1.5, DiffusionLoss.SupervisedFineTuning(model, batch, [4, 2]).item<float>(), 1e-5);
    }

    [Fact]
    public void Constant_cross_entropy_is_the_loss_when_the_weights_are_exact()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Predicting(new double[TinyModel.Config.EmbeddingSize]);
        const int length = 10;

        for (int numMasked = 1; numMasked <= length; numMasked++)
        {
            var masked = Enumerable.Range(0, numMasked).Select(
                position => new MaskedToken(0, position, position, position, (double)numMasked / length));
            var batch = new NoisedBatch([.. Enumerable.Repeat((long)TinyModel.Mask, length)], 1, length, [.. masked]);
            Assert.Equal(Math.Log(TinyModel.Config.EmbeddingSize), DiffusionLoss.Pretraining(model, batch).item<float>(), 1e-5);
        }
    }

    [Fact]
    public void Perfect_predictor_has_no_loss()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Predicting(-1000, 0);
        var batch = ForwardProcess.Noise([[1, 1, 1, 1, 1, 1, 1, 1]], TinyModel.Mask, [0.9], [[0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]]);

        Assert.Equal(8, batch.Masked.Count);
        Assert.Equal(0, DiffusionLoss.Pretraining(model, batch).item<float>());
    }

    [Fact]
    public void Fine_tuning_without_prompts_is_pretraining()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        var batch = Noised(model);

        double pretraining = DiffusionLoss.Pretraining(model, batch).item<float>();

        Assert.Equal(pretraining, DiffusionLoss.SupervisedFineTuning(model, batch, new int[4]).item<float>(), 1e-5 * pretraining);
    }

    [Fact]
    public void Loss_equals_cross_entropy_of_the_whole_forward_pass()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        var batch = Noised(model);

        var logProbabilities = nn.functional.log_softmax(model.call(batch.ToTensor(CPU)), -1).flatten(0, 1);
        double expected = batch.Masked.Sum(
            token => -logProbabilities[token.Index, token.Token].item<float>() / token.Probability) / batch.Tokens.Length;

        Assert.Equal(expected, DiffusionLoss.Pretraining(model, batch).item<float>(), 1e-4 * expected);
    }

    [Fact]
    public void Batch_without_masks_has_no_loss_and_no_gradient()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();

        var loss = DiffusionLoss.Pretraining(model, new NoisedBatch([1, 2, 3], 1, 3, []));
        loss.backward();

        Assert.Equal(0, loss.item<float>());
        Assert.Equal(0, nn.utils.clip_grad_norm_(model.parameters(), 1));
    }

    private static NoisedBatch Noised(MaskPredictor model) =>
        ForwardProcess.Noise(
            [.. Enumerable.Range(0, 4).Select(row => Enumerable.Range(row, 12).ToArray())], model.Config.MaskTokenId, new CounterRandom(2),
            0);
}
