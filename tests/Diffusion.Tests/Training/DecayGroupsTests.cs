using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Training;

public sealed class DecayGroupsTests
{
    private static readonly TrainingOptions s_options = new() { LearningRate = new(1e-3, 1e-4, 0, 0, 10), WeightDecay = 0.3 };

    [Fact]
    public void Matrices_decay_and_norms_and_biases_do_not()
    {
        using var scope = NewDisposeScope();
        using var model = TinyModel.Random();
        using var optimizer = DecayGroups.Optimizer(model, s_options);
        using (no_grad())
        {
            foreach (var parameter in model.parameters())
                parameter.fill_(1);
        }

        // Without a gradient, decay is all that a step does.
        foreach (var parameter in model.parameters())
            parameter.grad = zeros_like(parameter);
        optimizer.step();

        foreach (var parameter in model.parameters())
            TensorAssert.Close(full(parameter.shape, parameter.dim() > 1 ? 1 - (1e-3 * 0.3) : 1), parameter, 1e-7);
    }

    [Fact]
    public void Every_parameter_is_in_one_group()
    {
        using var model = TinyModel.Random();

        Assert.Equal(model.named_parameters().Select(parameter => parameter.name).Order(), DecayGroups.InOrder(model).Select(parameter => parameter.Name).Order());
    }
}
