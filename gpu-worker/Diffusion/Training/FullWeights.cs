using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>Full training: every weight of the network changes.</summary>
public sealed class FullWeights(MaskPredictor model) : ITrainedWeights
{
    public MaskPredictor Model => model;

    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; } = model.WeightType == ScalarType.Float32
        ? [.. model.named_parameters()]
        : throw new ArgumentException(
            $"The weights are {model.WeightType}; full training needs float32 weights, since smaller types round most updates away",
            nameof(model));

    public void Save(string folder) => Checkpoint.Save(model, folder);

    public void Load(string folder)
    {
        using var weights = new WeightFiles(folder);
        var parameters = Checkpoint.Tensors(model).ToDictionary();
        foreach (var stored in weights.Match(model.Config).Tensors)
            weights.CopyTo(stored, parameters[stored.Parameter]);
    }
}
