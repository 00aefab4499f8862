using LLaDA.Diffusion;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Preferences;

namespace LLaDA.Batch.Worker.Training;

/// <summary>A network, what is trained of it, and the reference that it is held against. All belong to the tensor thread.</summary>
internal sealed class TrainedNetwork : IDisposable
{
    private readonly MaskPredictor _network;
    private readonly LoraWeights? _adapters;

    /// <param name="load">Loads the network that the training starts from.</param>
    /// <param name="lora">Null to train all weights.</param>
    /// <param name="adapter">Folder of the adapter that a LoRA training continues; null for none.</param>
    /// <param name="hasReference">Whether the method needs a reference.</param>
    /// <exception cref="CheckpointException">The model cannot be loaded, or the adapter differs in kind.</exception>
    public TrainedNetwork(Func<MaskPredictor> load, LoraOptions? lora, string? adapter, bool hasReference)
    {
        _network = load();
        try
        {
            _adapters = lora is null ? null : new LoraWeights(_network, lora);
            if (adapter is not null)
                _adapters?.Load(adapter);
            Weights = _adapters is null ? new FullWeights(_network) : _adapters;
            if (hasReference)
                Reference = _adapters is null ? new FrozenModel(load()) : new LoraReference(_adapters);
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
        _adapters?.Dispose();
        _network.Dispose();
    }
}
