using LLaDA.Diffusion.Kernels;
using LLaDA.Diffusion.Native;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>x / sqrt(mean(x^2) + epsilon), computed in float32, cast back to the type of x, then scaled by the weight.</summary>
public sealed class RmsNorm : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "weight")]
    private readonly Parameter _weight;

    private readonly double _epsilonValue;
    private readonly Scalar _epsilon;

    internal RmsNorm(long width, double epsilon, ScalarType type, Device device)
        : base(nameof(RmsNorm))
    {
        (_epsilonValue, _epsilon) = (epsilon, epsilon.ToScalar());
        _weight = new Parameter(ones(width, type, device));
        RegisterComponents();
    }

    /// <summary>[D].</summary>
    internal Parameter Weight => _weight;

    internal Scalar Epsilon => _epsilon;

    /// <param name="input">[..., D].</param>
    /// <returns>[..., D], in the type of the input.</returns>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var x = input.to(ScalarType.Float32);
        var normed = x * rsqrt((x * x).mean([-1], keepdim: true).add(_epsilon, StaticScalars.One));
        return (normed.to(input.dtype) * _weight.to(input.dtype)).MoveToOuterDisposeScope();
    }

    /// <summary>The same and a cast, as a training step needs them.</summary>
    /// <param name="input">[T, D].</param>
    /// <returns>[T, D], in the compute type.</returns>
    internal Tensor NormalizeForTraining(Tensor input, ScalarType computeType)
    {
        using var scope = NewDisposeScope();
        var normed = input.dtype == ScalarType.Float32 && _weight.dtype == ScalarType.Float32
            && TrainingKernels.Suit(input.device, computeType, _weight.shape[0])
            ? NormKernel.Of(input, _weight, _epsilonValue)
            : forward(input).to(computeType);
        return normed.MoveToOuterDisposeScope();
    }
}
