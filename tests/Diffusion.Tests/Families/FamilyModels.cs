using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Tests.Families;

/// <summary>Shapes of every family with the special tokens of <see cref="TinyModel"/>.</summary>
internal static class FamilyModels
{
    public const int BlockLength = 4;

    private static readonly ExpertConfig s_experts = new()
    {
        Router = RouterKind.Softmax, NumExperts = 6, NumChosen = 2, Width = 20, SharedWidth = 12, HasBias = true, BalanceWeight = 0.01,
        DenseLayers = [0],
    };

    public static TheoryData<string> Names => [.. All.Keys];

    public static IReadOnlyDictionary<string, LLaDAConfig> All { get; } = new Dictionary<string, LLaDAConfig>
    {
        ["LLaDA"] = TinyModel.Config,
        ["iLLaDA"] = TinyModel.Config with { Family = ModelFamilies.ILLaDA, EmbeddingSize = 40, HasQkvBias = false, TiesWeights = true },
        ["LLaDA-MoE"] = TinyModel.Config with
        {
            Family = ModelFamilies.LLaDAMoE, EmbeddingSize = 40, HasQkvBias = false, HasQkNorm = true, RotaryWidth = 4, Experts = s_experts,
        },
        ["LLaDA2"] = TinyModel.Config with
        {
            Family = ModelFamilies.LLaDA2, EmbeddingSize = 40, HasQkvBias = false, HasQkNorm = true, HeadWidth = 12, RotaryWidth = 6,
            BlockLength = BlockLength,
            Experts = s_experts with
            {
                Router = RouterKind.Sigmoid, NumExperts = 8, NumGroups = 4, NumChosenGroups = 2, Scale = 2.5, BalanceWeight = 0,
                SharedWidth = 20,
            },
        },
        ["Dream"] = TinyModel.Config with { Family = ModelFamilies.Dream, EmbeddingSize = 40 },
        ["SDAR"] = TinyModel.Config with
        {
            Family = ModelFamilies.Sdar, EmbeddingSize = 40, HasQkvBias = false, HasQkNorm = true, HeadWidth = 12, TiesWeights = true,
            BlockLength = BlockLength,
        },
    };
}
