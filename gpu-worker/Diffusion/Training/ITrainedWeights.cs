using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>What a run changes in a network: all of its weights, or adapters beside them.</summary>
public interface ITrainedWeights
{
    MaskPredictor Model { get; }

    /// <summary>In float32, under names that do not change between runs.</summary>
    IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    /// <summary>Writes them to a folder, in the layout that others read.</summary>
    void Save(string folder);

    /// <summary>Reads back what <see cref="Save"/> wrote.</summary>
    /// <exception cref="CheckpointException">The folder holds something else.</exception>
    void Load(string folder);
}

/// <summary>Full training: every weight of the network changes.</summary>
public sealed class FullWeights(MaskPredictor model) : ITrainedWeights
{
    public MaskPredictor Model => model;

    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; } = model.WeightType == ScalarType.Float32
        ? [.. model.named_parameters()]
        : throw new ArgumentException($"The weights are {model.WeightType}; full training changes float32 weights, since smaller types round most updates away", nameof(model));

    public void Save(string folder) => Checkpoint.Save(model, folder);

    public void Load(string folder)
    {
        using var weights = new WeightFiles(folder);
        var names = weights.Match(ParameterShapes.Of(model.Config));
        foreach (var (name, parameter) in Parameters)
            weights.CopyTo(names[name], parameter);
    }
}
