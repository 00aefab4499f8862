using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Training.Bounds;

/// <summary>The model that a policy is held against: what the policy was when its training began. It never changes.</summary>
public interface IReferenceModel : IDisposable
{
    /// <summary>Computes something with the reference, without gradients. The policy must not be used meanwhile.</summary>
    T Run<T>(Func<MaskPredictor, T> compute);
}
