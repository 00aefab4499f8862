using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Sampling;

/// <summary>Small models with random weights in the shape of each family.</summary>
internal static class FamilyModels
{
    private const int NumTextTokens = 8192;

    public static IReadOnlyList<ModelFamily> Families { get; } =
        [ModelFamilies.LLaDA, ModelFamilies.LLaDAMoE, ModelFamilies.Dream, ModelFamilies.LLaDA2, ModelFamilies.Sdar];

    public static MaskPredictor Create(ModelFamily family)
    {
        var model = new MaskPredictor(Config(family), CPU);
        model.Initialize(seed: 1);
        model.eval();
        return model;
    }

    private static LLaDAConfig Config(ModelFamily family)
    {
        var experts = new ExpertConfig { Router = RouterKind.Softmax, NumExperts = 16, NumChosen = 4, Width = 64 };
        return new LLaDAConfig
        {
            Family = family,
            ModelWidth = 256,
            NumLayers = 4,
            NumHeads = 8,
            NumKeyValueHeads = 4,
            FeedForwardWidth = 768,
            VocabularySize = NumTextTokens + 4,
            EmbeddingSize = NumTextTokens + 4,
            MaxSequenceLength = 1024,
            MaskTokenId = NumTextTokens,
            EosTokenId = NumTextTokens + 1,
            PadTokenId = NumTextTokens + 1,
            BlockLength = family.BlockLength,
            HasQkvBias = family == ModelFamilies.Dream,
            HasQkNorm = family != ModelFamilies.LLaDA && family != ModelFamilies.Dream,
            Experts = family.Router switch
            {
                RouterKind.Softmax => experts,
                RouterKind.Sigmoid => experts with { Router = RouterKind.Sigmoid, SharedWidth = 64, HasBias = true, DenseLayers = [0] },
                _ => null,
            },
        };
    }
}
