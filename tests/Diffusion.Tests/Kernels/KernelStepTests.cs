using LLaDA.Diffusion.Kernels;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Kernels;

public sealed class KernelStepTests
{
    private static readonly LLaDAConfig s_config = TinyModel.Config with { ModelWidth = 128, FeedForwardWidth = 96, EmbeddingSize = 48 };

    /// <summary>A network that is not in training mode takes its modules, also with a gradient.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Step_by_kernels_has_the_loss_and_the_gradients_of_one_by_modules(bool recomputes)
    {
        Assert.SkipUnless(Lanes.AreSupported, "The processor has no vectors of 512 bits");
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random(s_config, computeType: ScalarType.BFloat16);
        var (loss, gradients) = Step(model, isTraining: false, recomputes);

        var (byKernels, ofKernels) = Step(model, isTraining: true, recomputes);

        Assert.Equal(loss, byKernels, 0.01);
        foreach (var (name, gradient) in gradients)
        {
            double size = gradient.norm().item<float>(), difference = (gradient - ofKernels[name]).norm().item<float>();
            Assert.True(difference < Math.Max(1e-4, 0.05 * size), $"{name}: {difference} of {size}");
        }
    }

    private static (double Loss, Dictionary<string, Tensor> Gradients) Step(MaskPredictor model, bool isTraining, bool recomputes)
    {
        model.train(isTraining);
        foreach (var parameter in model.parameters())
            parameter.grad = null;
        var random = new Random(3);
        int[] Row() => [.. Enumerable.Range(0, 40).Select(_ => random.Next(TinyModel.NumTextTokens))];
        int[][] rows = [.. Enumerable.Range(0, 6).Select(_ => Row())];
        var batch = ForwardProcess.Noise(
            rows, TinyModel.Mask, [0.1, 0.3, 0.5, 0.7, 0.9, 1],
            [.. rows.Select(row => row.Select(_ => random.NextDouble()).ToArray())]);
        var loss = DiffusionLoss.Backward(model, batch.Weigh(new int[rows.Length], LossReduction.Answer), recomputes);
        return (loss.item<float>(), model.named_parameters().Where(entry => entry.parameter.grad is not null)
            .ToDictionary(entry => entry.name, entry => entry.parameter.grad!.clone()));
    }
}
