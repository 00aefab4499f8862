using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training.Bounds;

namespace LLaDA.Diffusion.Training;

/// <summary>Weights that are trained beside a frozen network. Disposing it takes them off the network.</summary>
public interface IAdapter : ITrainedWeights, IDisposable
{
    /// <summary>The network with the adapter as it is now, which does not change with it any more.</summary>
    IReferenceModel NewReference();
}

/// <summary>Which weights an adapter adds to a network.</summary>
public interface IAdapterOptions
{
    /// <summary>Weights that are trained.</summary>
    /// <exception cref="ArgumentException">As for <see cref="AddTo"/>.</exception>
    long NumParameters(LLaDAConfig config);

    /// <summary>Positions that the adapter takes of every row; 0 for none.</summary>
    int NumVirtualTokens { get; }

    /// <summary>Adds a new adapter, and freezes the network's own weights.</summary>
    /// <exception cref="ArgumentException">Options out of range, or options that do not fit the model.</exception>
    /// <exception cref="InvalidOperationException">The model has such an adapter already.</exception>
    IAdapter AddTo(MaskPredictor model);
}
