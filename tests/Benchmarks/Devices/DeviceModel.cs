using LLaDA.Batch.Benchmarks.Fits;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Devices;

/// <summary>A model with random weights that are drawn on its device, since speeds do not depend on them.</summary>
internal static class DeviceModel
{
    private const double StandardDeviation = 0.02;

    /// <summary>LLaDA-8B with a context of 1,024 tokens.</summary>
    public static LLaDAConfig Large { get; } = FitsTable.Large with { MaxSequenceLength = 1024 };

    /// <summary>Of the same proportions, for a CPU.</summary>
    public static LLaDAConfig Small { get; } = Large with
    {
        ModelWidth = 128,
        NumLayers = 4,
        NumHeads = 4,
        NumKeyValueHeads = 4,
        FeedForwardWidth = 384,
        VocabularySize = 4096,
        EmbeddingSize = 4096,
        MaskTokenId = 4095,
        EosTokenId = 4094,
        PadTokenId = 4094,
    };

    public static MaskPredictor Create(LLaDAConfig config, Device device, ScalarType type)
    {
        using var noGradient = no_grad();
        var model = new MaskPredictor(config, device, type, type);
        manual_seed(1);
        foreach (var (name, weight) in model.named_parameters())
        {
            if (name.EndsWith("norm.weight", StringComparison.Ordinal) || name == "ln_f.weight")
                weight.fill_(1);
            else
                weight.normal_(0, StandardDeviation);
        }
        model.eval();
        return model;
    }
}
