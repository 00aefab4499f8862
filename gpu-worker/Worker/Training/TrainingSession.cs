using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Training;

/// <summary>A model in training. Its tensors belong to the tensor thread, on which each step is a turn of its own: generation gets its turns in between.</summary>
internal sealed class TrainingSession : IAsyncDisposable
{
    private readonly TensorThread _tensors;
    private readonly MaskPredictor _network;
    private readonly LoraWeights? _adapters;
    private readonly IEnumerator<TrainingProgress> _steps;

    private TrainingSession(TensorThread tensors, MaskPredictor network, LoraWeights? adapters, IEnumerator<TrainingProgress> steps) =>
        (_tensors, _network, _adapters, _steps) = (tensors, network, adapters, steps);

    public TrainingProgress Current => _steps.Current;

    /// <param name="weights">Folder of the model's weights.</param>
    /// <param name="adapter">Folder of the adapter that changes them; a LoRA training goes on with it, another one starts from both together.</param>
    /// <param name="folder">Of the run.</param>
    /// <exception cref="TrainingMemoryException">It does not fit the device, however small its passes are.</exception>
    /// <exception cref="CheckpointException">The model cannot be loaded, or the adapter is not of the kind that the job asks for.</exception>
    public static Task<TrainingSession> OpenAsync(
        TensorThread tensors, TrainingData data, TrainingOptions options, LoraOptions? lora, string weights, string? adapter, string folder, WorkerOptions worker, Func<bool> wantsCheckpoint,
        CancellationToken cancellation) => tensors.RunAsync(() =>
    {
        var hardware = Hardware.Of(worker);
        var computeType = hardware.ComputeType;
        var weightType = lora is null ? ScalarType.Float32 : computeType;
        var config = LLaDAConfigJson.Read(Path.Combine(weights, Checkpoint.ConfigFile));
        var fitting = TrainingRecipe.Fitting(options with { DeviceBytes = hardware.DeviceBytes }, config, lora?.NumParameters(config) ?? config.NumParameters, weightType, computeType, data.Training.MaxLength, hardware.Device);

        var network = Checkpoint.Load(weights, hardware.Device, weightType, computeType, lora is null ? adapter : null);
        LoraWeights? adapters = null;
        try
        {
            adapters = lora is null ? null : new LoraWeights(network, lora);
            if (adapter is not null)
                adapters?.Load(adapter);
            ITrainedWeights trained = adapters is null ? new FullWeights(network) : adapters;
            return new TrainingSession(tensors, network, adapters, new Trainer(trained, data.Training, data.Validation, fitting, folder).Steps(wantsCheckpoint, CancellationToken.None).GetEnumerator());
        }
        catch
        {
            adapters?.Dispose();
            network.Dispose();
            throw;
        }
    }, cancellation);

    /// <summary>Makes a step, or a checkpoint of it.</summary>
    /// <returns>False at the end.</returns>
    /// <exception cref="TrainingDivergedException">The loss is no longer finite.</exception>
    public Task<bool> NextAsync(CancellationToken cancellation) => _tensors.RunAsync(_steps.MoveNext, cancellation);

    public async ValueTask DisposeAsync() => await _tensors.RunAsync(() =>
    {
        _steps.Dispose();
        _adapters?.Dispose();
        _network.Dispose();
        return true;
    }, CancellationToken.None);
}
