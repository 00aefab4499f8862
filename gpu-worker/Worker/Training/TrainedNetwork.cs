using LLaDA.Diffusion;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;

namespace LLaDA.Batch.Worker.Training;

/// <summary>A network, what is trained of it, and the reference that it is held against. All belong to the tensor thread.</summary>
internal sealed class TrainedNetwork : IDisposable
{
    private readonly MaskPredictor _network;
    private readonly IAdapter? _adapter;

    /// <param name="load">Loads the network that the training starts from.</param>
    /// <param name="adapter">Null to train all weights.</param>
    /// <param name="from">Folder of the adapter that is continued; null for none.</param>
    /// <param name="hasReference">Whether the method needs a reference.</param>
    /// <exception cref="CheckpointException">The model cannot be loaded, or the adapter differs in kind.</exception>
    public TrainedNetwork(Func<MaskPredictor> load, IAdapterOptions? adapter, string? from, bool hasReference)
    {
        _network = load();
        try
        {
            _adapter = adapter?.AddTo(_network);
            if (from is not null)
                _adapter?.Load(from);
            Weights = _adapter is null ? new FullWeights(_network) : _adapter;
            if (hasReference)
                Reference = _adapter is null ? new FrozenModel(load()) : _adapter.NewReference();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public ITrainedWeights Weights { get; } = null!;

    /// <summary>Null where the method needs none.</summary>
    public IReferenceModel? Reference { get; }

    public void Dispose()
    {
        Reference?.Dispose();
        _adapter?.Dispose();
        _network.Dispose();
    }
}
