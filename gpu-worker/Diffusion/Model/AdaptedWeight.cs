using TorchSharp.Modules;

namespace LLaDA.Diffusion.Model;

/// <summary>A matrix, or those of all experts of a layer, and the low-rank update that fine-tuning adds.</summary>
/// <param name="weight">
/// [output width, input width], or [experts, output width, input width]; rows are longer in 8 bits (<see cref="Int8Rows"/>).
/// </param>
internal sealed class AdaptedWeight(Parameter weight)
{
    public Parameter Weight => weight;

    /// <summary>[output width, input width], or [experts, output width, input width].</summary>
    public long[] Shape => Int8Rows.Shape(weight);

    /// <summary>Null for none.</summary>
    public LowRankAdapter? Adapter { get; set; }
}
