using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training.Bounds;

/// <summary>A reference that is a network of its own, beside a policy of which all weights are trained.</summary>
public sealed class FrozenModel : IReferenceModel
{
    private readonly MaskPredictor _model;

    /// <param name="model">
    /// Disposed with it. In the types of the policy and, as the policy, in training mode, so that both compute the same numbers at first.
    /// </param>
    public FrozenModel(MaskPredictor model)
    {
        _model = model;
        _model.train();
    }

    public T Run<T>(Func<MaskPredictor, T> compute)
    {
        using var noGradient = no_grad();
        return compute(_model);
    }

    public void Dispose() => _model.Dispose();
}
