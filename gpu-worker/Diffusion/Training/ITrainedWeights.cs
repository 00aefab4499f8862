using LLaDA.Diffusion.Model;
using TorchSharp.Modules;

namespace LLaDA.Diffusion.Training;

/// <summary>The parameters of a network that a run changes: all of its weights, or adapters beside them.</summary>
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
