using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training.Bounds;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Lora;

/// <summary>
/// The reference of a policy that is an adapter: the base under it, without a second copy. Where the policy continues an adapter, a frozen
/// copy of that adapter, which is small, takes its place.
/// </summary>
public sealed class LoraReference : IReferenceModel
{
    private readonly MaskPredictor _model;
    private readonly List<(AdaptedWeight Projection, LowRankAdapter? Frozen)> _targets;

    /// <param name="adapters">As they are when the training begins, before a checkpoint of it is loaded.</param>
    public LoraReference(LoraWeights adapters)
    {
        _model = adapters.Model;
        bool isNew = adapters.Targets.All(target => target.Adapter.IsZero);
        _targets = [.. adapters.Targets.Select(target => (target.Projection, isNew ? null : target.Adapter.Freeze()))];
    }

    public T Run<T>(Func<MaskPredictor, T> compute)
    {
        LowRankAdapter?[] trained = [.. _targets.Select(target => target.Projection.Adapter)];
        try
        {
            foreach (var (projection, frozen) in _targets)
                projection.Adapter = frozen;
            using var noGradient = no_grad();
            return compute(_model);
        }
        finally
        {
            foreach (var ((projection, _), adapter) in _targets.Zip(trained))
                projection.Adapter = adapter;
        }
    }

    public void Dispose()
    {
        foreach (var (_, frozen) in _targets)
            frozen?.Dispose();
        _targets.Clear();
    }
}
