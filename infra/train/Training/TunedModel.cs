using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train.Training;

/// <summary>A model with what is trained of it: an adapter, or all of its weights.</summary>
internal sealed class TunedModel : IDisposable
{
    /// <param name="folder">Of the model.</param>
    /// <param name="adapter">Null where all weights are trained.</param>
    public TunedModel(string folder, ScalarType weightType, ScalarType computeType, IAdapterOptions? adapter)
    {
        Folder = folder;
        Network = Checkpoint.Load(folder, CPU, weightType, computeType);
        try
        {
            Adapter = adapter?.AddTo(Network);
        }
        catch
        {
            Network.Dispose();
            throw;
        }
        Weights = Adapter is null ? new FullWeights(Network) : Adapter;
    }

    /// <summary>Where it was loaded from.</summary>
    public string Folder { get; }

    public MaskPredictor Network { get; }

    /// <summary>Null where all weights are trained.</summary>
    public IAdapter? Adapter { get; }

    public ITrainedWeights Weights { get; }

    /// <summary>The model as it was loaded, which training does not change.</summary>
    public IReferenceModel NewReference() =>
        Adapter?.NewReference() ?? new FrozenModel(Checkpoint.Load(Folder, CPU, Network.WeightType, Network.ComputeType));

    public void Dispose()
    {
        Adapter?.Dispose();
        Network.Dispose();
    }
}
