using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class BackwardTests
{
    public static TheoryData<bool, bool, ScalarType> Networks =>
        new MatrixTheoryData<bool, bool, ScalarType>([false, true], [false, true], [ScalarType.Float32, ScalarType.BFloat16]);

    [Theory]
    [MemberData(nameof(Networks))]
    public void Loss_and_gradients_are_those_of_the_plain_loss(bool recomputes, bool tiesWeights, ScalarType computeType)
    {
        using var scope = NewDisposeScope();
        var config = TinyModel.Config with { TiesWeights = tiesWeights };
        using var plain = TinyModel.Random(config, computeType: computeType);
        using var frugal = TinyModel.Random(config, computeType: computeType);
        var batch = Noised();
        Assert.True(batch.Masked.Count > 20);

        var expected = DiffusionLoss.Pretraining(plain, batch);
        expected.backward();
        var loss = DiffusionLoss.Backward(
            frugal, batch.Weigh(new int[batch.BatchSize], LossReduction.Answer), recomputes, maxLogits: 16 * config.EmbeddingSize);

        double tolerance = computeType == ScalarType.Float32 ? 1e-5 : 1e-2;
        Assert.Equal(expected.item<float>(), loss.item<float>(), 1e-4 * expected.item<float>());
        foreach (var (name, parameter) in plain.named_parameters())
            TensorAssert.Close(
                parameter.grad!, frugal.Parameter(name).grad!, tolerance * Math.Max(1e-3, parameter.grad!.abs().max().item<float>()));
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Gradients_of_recomputed_blocks_equal_the_kept_ones_to_the_bit(ScalarType computeType)
    {
        using var scope = NewDisposeScope();
        using var kept = TinyModel.Random(computeType: computeType);
        using var recomputed = TinyModel.Random(computeType: computeType);
        var batch = Noised();
        batch = batch.Weigh(new int[batch.BatchSize], LossReduction.Answer);

        DiffusionLoss.Backward(kept, batch);
        DiffusionLoss.Backward(recomputed, batch, recomputes: true);

        foreach (var (name, parameter) in kept.named_parameters())
            TensorAssert.Equal(parameter.grad!, recomputed.Parameter(name).grad!);
    }

    [Fact]
    public void Evaluation_is_the_loss_without_a_gradient()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        var batch = Noised();

        double loss = DiffusionLoss.Evaluate(model, batch.Weigh(new int[batch.BatchSize], LossReduction.Answer));

        Assert.Equal(DiffusionLoss.Pretraining(model, batch).item<float>(), loss, 1e-5 * loss);
        Assert.All(model.parameters(), parameter => Assert.Null(parameter.grad));
    }

    [Fact]
    public void Batch_without_masks_leaves_no_gradient()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();

        Assert.Equal(0, DiffusionLoss.Backward(model, new NoisedBatch([1, 2, 3], 1, 3, [])).item<float>());

        Assert.All(model.parameters(), parameter => Assert.Null(parameter.grad));
    }

    private static NoisedBatch Noised() =>
        ForwardProcess.Noise(
            [.. Enumerable.Range(0, 4).Select(row => Enumerable.Range(row, 12).ToArray())], TinyModel.Mask, new CounterRandom(2), 0);
}
