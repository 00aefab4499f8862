using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Model;

public sealed class RmsNormTests
{
    [Fact]
    public void Three_and_four_become_their_shares_of_the_root_mean_square()
    {
        using var scope = NewDisposeScope();
        using var norm = new RmsNorm(2, 1e-12, ScalarType.Float32, CPU);

        var normed = norm.call(tensor(new float[] { 3, 4 }));

        TensorAssert.Close(tensor(new[] { 0.848528, 1.131371 }), normed, 1e-6);
    }

    [Fact]
    public void Weight_scales_after_the_cast_back_to_the_inputs_type()
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var norm = new RmsNorm(64, 1e-5, ScalarType.BFloat16, CPU);
        norm.Parameter("weight").copy_(linspace(0.3, 2.7, 64));
        var x = linspace(-2, 5, 64).to(ScalarType.BFloat16);

        var wide = x.to(ScalarType.Float32);
        var rounded = (wide / (wide.square().mean() + 1e-5).sqrt()).to(ScalarType.BFloat16);
        TensorAssert.Equal(rounded * norm.Parameter("weight"), norm.call(x));
    }

    [Fact]
    public void Zeros_stay_zeros()
    {
        using var scope = NewDisposeScope();
        using var norm = new RmsNorm(8, 1e-5, ScalarType.Float32, CPU);

        TensorAssert.Equal(zeros(3, 8), norm.call(zeros(3, 8)));
    }

    [Fact]
    public void Scale_of_the_input_cancels()
    {
        using var scope = NewDisposeScope();
        using var norm = new RmsNorm(16, 1e-12, ScalarType.Float32, CPU);
        var x = linspace(-1, 2, 16);

        TensorAssert.Close(norm.call(x), norm.call(x * 1000), 1e-5);
    }
}
