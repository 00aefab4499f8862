using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Preferences;
using LLaDA.Diffusion.Training.Reinforcement;
using LLaDA.Diffusion.Training.Reporting;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Training;

/// <summary>
/// A model in training. Its tensors belong to the tensor thread, on which each micro-batch is a turn of its own, so that other work runs in
/// between.
/// </summary>
internal sealed class TrainingSession : IAsyncDisposable
{
    private readonly TensorThread _tensors;
    private readonly TrainedNetwork _network;
    private readonly IEnumerator<TrainingProgress?> _turns;

    private TrainingSession(TensorThread tensors, TrainedNetwork network, IEnumerator<TrainingProgress?> turns) =>
        (_tensors, _network, _turns) = (tensors, network, turns);

    public TrainingProgress Current => _turns.Current!;

    /// <summary>
    /// Loads the model. An adapter is continued by a training of its kind; a full training starts from weights and LoRA merged.
    /// </summary>
    /// <param name="wantsCheckpoint">Asked after every step.</param>
    /// <exception cref="TrainingMemoryException">The model does not fit the device even with the smallest passes.</exception>
    /// <exception cref="CheckpointException">The model cannot be loaded, or the adapter differs in kind from the one that the job
    /// trains.</exception>
    public static Task<TrainingSession> OpenAsync(
        TensorThread tensors, Hardware hardware, TrainingSetup setup, Func<bool> wantsCheckpoint, CancellationToken cancellation) =>
        tensors.RunAsync(() => Open(tensors, hardware, setup, wantsCheckpoint), cancellation);

    /// <summary>Runs a step, or writes its checkpoint.</summary>
    /// <param name="cancellation">Observed between the micro-batches of a step.</param>
    /// <returns>False at the end.</returns>
    /// <exception cref="TrainingDivergedException">The loss is no longer finite.</exception>
    public async Task<bool> NextAsync(CancellationToken cancellation)
    {
        bool isAny = false;
        await _tensors.RepeatAsync(this, () => (isAny = _turns.MoveNext()) && _turns.Current is null, cancellation);
        return isAny;
    }

    public async ValueTask DisposeAsync() => await _tensors.RunAsync(() =>
    {
        _turns.Dispose();
        _network.Dispose();
        return true;
    }, CancellationToken.None);

    private static TrainingSession Open(TensorThread tensors, Hardware hardware, TrainingSetup setup, Func<bool> wantsCheckpoint)
    {
        var (input, options, adapter) = setup;
        var (weights, from) = (input.Model.Weights, input.Model.Adapter);
        var computeType = hardware.TrainingType;
        var weightType = adapter is null ? ScalarType.Float32 : computeType;
        var config = LLaDAConfigJson.Read(Path.Combine(weights, Checkpoint.ConfigFile));
        var fitting = TrainingRecipe.Fitting(
            options with { DeviceBytes = hardware.DeviceBytes },
            config,
            adapter?.NumParameters(config) ?? config.NumParameters,
            weightType,
            computeType,
            (adapter?.NumVirtualTokens ?? 0) + input.Data.Training.MaxLength,
            hardware.Device);

        MaskPredictor Load() =>
            MergedCheckpoint.Load(weights, adapter is null ? from : null, hardware.Device, weightType, computeType);
        var network = new TrainedNetwork(Load, adapter, from, fitting.HasReference);
        try
        {
            var trainer = new Trainer(network.Weights, Method(network, setup, fitting), fitting, input.Folder);
            return new TrainingSession(tensors, network, trainer.Turns(wantsCheckpoint, CancellationToken.None).GetEnumerator());
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>What the options ask for. A further method gets its line here.</summary>
    private static ITrainingMethod Method(TrainedNetwork network, TrainingSetup setup, TrainingOptions options)
    {
        var (weights, reference) = (network.Weights, network.Reference);
        var (training, validation) = (setup.Input.Data.Training, setup.Input.Data.Validation);
        if (setup.Grader is { } grader)
        {
            var tokenizer = new LLaDATokenizer(setup.Input.Model.Weights);
            var reward = new GraderReward(grader, tokenizer, reference!);
            return new ReinforcementTraining(weights, reference!, training, validation, reward.Of, options, tokenizer.NumTokens);
        }
        return options.Preference is null
            ? new Denoising(weights, training, validation, options)
            : new PreferenceTraining(weights, reference!, training, validation, options);
    }
}
