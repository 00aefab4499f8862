using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training.Bounds;

/// <summary>A reference that is a network of its own, beside a policy of which all weights are trained.</summary>
/// <param name="model">Disposed with it. In the types of the policy, so that both compute the same numbers at first.</param>
public sealed class FrozenModel(MaskPredictor model) : IReferenceModel
{
    public T Run<T>(Func<MaskPredictor, T> compute)
    {
        using var noGradient = no_grad();
        return compute(model);
    }

    public void Dispose() => model.Dispose();
}
