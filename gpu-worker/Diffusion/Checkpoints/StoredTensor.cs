using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>A tensor of a checkpoint, and what it is in the network.</summary>
/// <param name="Name">In the files.</param>
/// <param name="Parameter">Name of the parameter, or buffer, in <see cref="MaskPredictor"/>.</param>
/// <param name="Expert">The expert, from 0, whose part of the parameter it is; null for all of the parameter.</param>
internal sealed record StoredTensor(string Name, string Parameter, int? Expert, long[] Shape)
{
    /// <param name="areStacked">Whether one tensor holds all experts of a layer.</param>
    public static IEnumerable<StoredTensor> Of(string parameter, long[] shape, TensorNaming naming, bool areStacked)
    {
        string name = TensorNames.Of(naming, parameter);
        return shape.Length == 3 && !areStacked
            ? Enumerable.Range(0, (int)shape[0]).Select(expert =>
                new StoredTensor(TensorNames.OfExpert(name, expert), parameter, expert, shape[1..]))
            : [new StoredTensor(name, parameter, null, shape)];
    }

    /// <summary>Its part of the parameter.</summary>
    public Tensor In(Tensor parameter) => Expert is { } expert ? parameter.select(0, expert) : parameter.alias();
}
