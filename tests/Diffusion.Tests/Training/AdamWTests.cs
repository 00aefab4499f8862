using CsCheck;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Optimizers;

using Parameter = TorchSharp.Modules.Parameter;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class AdamWTests
{
    [Fact]
    public void Matrices_decay_and_norms_and_biases_do_not()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var optimizer = new AdamW(DecayingParameter.Groups(model.named_parameters(), 0.3), 0.9, 0.95);
        using (no_grad())
        {
            foreach (var parameter in model.parameters())
                parameter.fill_(1);
        }

        // Without a gradient, decay is all that an update does.
        optimizer.Update(1, 1e-3);

        foreach (var parameter in model.parameters())
            TensorAssert.Close(full(parameter.shape, parameter.dim() > 1 ? 1 - (1e-3 * 0.3) : 1), parameter, 1e-7);
    }

    [Fact]
    public void Updates_are_those_of_the_equations() =>
        (from beta1 in Gen.Double[0, 0.99]
         from beta2 in Gen.Double[0.5, 0.999]
         from decay in Gen.Double[0, 0.5]
         from gradients in Gen.Float[-2, 2].Array[6]
         select (beta1, beta2, decay, gradients)).Sample(test =>
        {
            using var scope = NewDisposeScope();
            using var parameter = new Parameter(ones(1, 1));
            using var optimizer = new AdamW([new DecayingParameter("w", parameter, test.decay)], test.beta1, test.beta2);
            var (weight, average, square) = (1.0, 0.0, 0.0);
            foreach (var (step, gradient) in test.gradients.Index())
            {
                double rate = 0.01 / (step + 1);
                parameter.grad = full(1, 1, gradient);
                optimizer.Update(step + 1, rate);

                (average, square) = (
                    (test.beta1 * average) + ((1 - test.beta1) * gradient),
                    (test.beta2 * square) + ((1 - test.beta2) * gradient * gradient));
                weight -= rate * test.decay * weight;
                double corrected = average / (1 - Math.Pow(test.beta1, step + 1)), scale = Math.Sqrt(
                    square / (1 - Math.Pow(test.beta2, step + 1)));
                weight -= rate * corrected / (scale + 1e-8);
                Assert.Equal(weight, parameter.item<float>(), 1e-4);
            }
        }, iter: 40);

    [Fact]
    public void Norm_is_that_of_all_gradients_and_scaling_them_scales_the_update()
    {
        using var scope = NewDisposeScope();
        using var scaledOutside = new GradientPair();
        using var scaledInside = new GradientPair();
        Assert.Equal(13, Gradients.Norm(scaledOutside.Parameters), 1e-5);

        foreach (var parameter in scaledOutside.Parameters)
            parameter.grad = parameter.grad! * (1 / 13f);
        scaledOutside.Optimizer.Update(1, 0.1);
        scaledInside.Optimizer.Update(1, 0.1, 1 / 13.0);

        foreach (var (outside, inside) in scaledOutside.Optimizer.Moments.Zip(scaledInside.Optimizer.Moments))
            TensorAssert.Close(outside.Tensor, inside.Tensor, 1e-6);
        foreach (var (outside, inside) in scaledOutside.Parameters.Zip(scaledInside.Parameters))
            TensorAssert.Close(outside, inside, 1e-6);
    }

    [Fact]
    public void Without_any_gradient_the_norm_is_zero()
    {
        using var model = TinyModel.Random();

        Assert.Equal(0, Gradients.Norm([.. model.parameters()]));
    }

    /// <summary>Two weights with gradients of norms 5 and 12.</summary>
    private sealed class GradientPair : IDisposable
    {
        public GradientPair()
        {
            Parameters[0].grad = tensor(new float[,] { { 3, 4 } });
            Parameters[1].grad = tensor(new float[] { 12 });
            Optimizer = new AdamW(DecayingParameter.Groups([("a", Parameters[0]), ("b", Parameters[1])], 0.1), 0.9, 0.95);
        }

        public Parameter[] Parameters { get; } = [new(ones(1, 2)), new(ones(1))];

        public AdamW Optimizer { get; }

        public void Dispose() => Optimizer.Dispose();
    }
}
