using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>What the turns of a step add up besides the gradient.</summary>
public sealed class StepSums(MaskPredictor model) : IDisposable
{
    /// <summary>The loss, [1], float32, on the model's device and of no dispose scope: turns of other work lie between its uses.</summary>
    public Tensor Loss { get; } = zeros(1, device: model.Device).DetachFromDisposeScope();

    /// <summary>Tokens that have passed with a gradient, padding included.</summary>
    public long NumTokens { get; private set; }

    /// <summary>Floating-point operations of the passes.</summary>
    public double Flops { get; private set; }

    /// <summary>What else the method measures of the step, under names of the wire (<c>snake_case</c>).</summary>
    public Dictionary<string, double> Measures { get; } = [];

    /// <param name="part">[1] or a scalar, on the device.</param>
    public void AddLoss(Tensor part) => Loss.add_(part, StaticScalars.One);

    public void AddLoss(double part)
    {
        using var scalar = part.ToScalar();
        Loss.add_(scalar, StaticScalars.One);
    }

    /// <summary>Counts a pass forward and backward.</summary>
    public void AddPass(NoisedBatch passed)
    {
        NumTokens += passed.Tokens.Length;
        Flops += MatmulThroughput.FlopsOf(model.Config, passed);
    }

    /// <summary>Counts a pass forward alone.</summary>
    public void AddForwardPass(NoisedBatch passed) => Flops += MatmulThroughput.FlopsOf(model.Config, passed) / 3;

    public void Dispose() => Loss.Dispose();
}
