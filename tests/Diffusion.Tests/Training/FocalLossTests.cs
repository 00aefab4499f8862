using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

/// <summary>Focal loss by hand; the golden folder of Dream holds what its trainer computes.</summary>
public sealed class FocalLossTests
{
    [Fact]
    public void Cross_entropy_is_multiplied_by_the_power_of_the_missing_probability()
    {
        using var scope = NewDisposeScope();
        double[] probabilities = [0.9, 0.5, 0.1];
        var crossEntropies = tensor([.. probabilities.Select(p => (float)-Math.Log(p))]);

        float[] losses = [.. new FocalLoss(2, 0.25).Of(crossEntropies).data<float>()];

        foreach (var (p, loss) in probabilities.Zip(losses))
            Assert.Equal(0.25 * (1 - p) * (1 - p) * -Math.Log(p), loss, 1e-6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3.5)]
    public void Gradient_is_that_of_the_whole_product(double gamma)
    {
        using var scope = NewDisposeScope();
        double[] probabilities = [0.9, 0.5, 0.1];
        var crossEntropies = tensor([.. probabilities.Select(p => (float)-Math.Log(p))]).requires_grad_(true);

        new FocalLoss(gamma, 0.25).Of(crossEntropies).sum().backward();

        foreach (var (p, gradient) in probabilities.Zip(crossEntropies.grad!.data<float>().ToArray()))
        {
            double expected = 0.25 * (Math.Pow(1 - p, gamma) + (gamma * Math.Pow(1 - p, gamma - 1) * p * -Math.Log(p)));
            Assert.Equal(expected, gradient, 1e-6);
        }
    }

    [Fact]
    public void Gamma_0_is_plain_cross_entropy_and_its_gradient_to_the_bit()
    {
        var (plain, gradients) = Loss(null);
        var (focal, focalGradients) = Loss(new FocalLoss(0));

        Assert.Equal(plain, focal);
        Assert.Equal(gradients, focalGradients);
        Assert.NotEqual(plain, Loss(new FocalLoss(2)).Loss);
    }

    /// <summary>Where a token is predicted with certainty the loss and its gradient are 0.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Gradient_of_a_certain_token_is_finite(double gamma)
    {
        using var scope = NewDisposeScope();
        var crossEntropies = zeros(1).requires_grad_(true);

        new FocalLoss(gamma).Of(crossEntropies).sum().backward();

        Assert.Equal(gamma == 0 ? 1 : 0, crossEntropies.grad!.item<float>());
    }

    [Theory]
    [InlineData(0.5, 1)]
    [InlineData(-1, 1)]
    [InlineData(double.NaN, 1)]
    [InlineData(double.PositiveInfinity, 1)]
    [InlineData(2, 0)]
    [InlineData(2, double.NaN)]
    public void Value_beyond_its_range_is_refused(double gamma, double scale)
    {
        var objective = DiffusionObjective.Dream with { Focal = new FocalLoss(gamma, scale) };
        Assert.Single(objective.Validate());
    }

    [Fact]
    public void Held_out_text_is_scored_by_the_bound()
    {
        var objective = DiffusionObjective.Dream with { Focal = new FocalLoss(2) };

        Assert.Null(objective.Bound.Focal);
        Assert.Contains("focal 2", objective.ToString(), StringComparison.Ordinal);
    }

    private static (float Loss, float[] Gradients) Loss(FocalLoss? focal)
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        int[][] x0 = [[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]];
        var batch = ForwardProcess.Noise(x0, TinyModel.Mask, new CounterRandom(4), 0, isStratified: true)
            .Weigh([0, 0], LossReduction.Answer, DiffusionObjective.LLaDA with { Focal = focal });
        float loss = DiffusionLoss.Backward(model, batch.Slice(0, 2)).item<float>();
        return (loss, [.. model.Parameter("ff_out.weight").grad!.flatten().data<float>()]);
    }
}
