using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;
using TorchSharp;

namespace LLaDA.Batch.Testing;

/// <summary>Models of every family with random weights, each as the model <see cref="TinyModel.Id"/> of a folder of its own.</summary>
public static class TinyFamilies
{
    public static IReadOnlyList<string> Names { get; } = ["iLLaDA", "LLaDA-MoE", "LLaDA2", "Dream", "SDAR"];

    /// <returns>The folder of models.</returns>
    public static string Create(string name)
    {
        string folder = Directory.CreateTempSubdirectory("llada-family-").FullName;
        string model = Path.Combine(folder, TinyModel.Id);
        var bpe = new BpeTrainer();
        bpe.Add("the quick brown fox jumps over the lazy dog and the lazy dog sleeps over the brown fox");
        BpeTrainer.Save(bpe.Train(320), model);
        using var predictor = new MaskPredictor(Config(name, new LLaDATokenizer(model)), torch.CPU);
        predictor.Initialize(seed: 1);
        Checkpoint.Save(predictor, model);
        return folder;
    }

    private static LLaDAConfig Config(string name, LLaDATokenizer tokenizer)
    {
        var experts = new ExpertConfig { Router = RouterKind.Softmax, NumExperts = 8, NumChosen = 2, Width = 16 };
        var config = new LLaDAConfig
        {
            Family = ModelFamilies.All.Single(family => family.Name == name),
            ModelWidth = 32,
            NumLayers = 2,
            NumHeads = 2,
            NumKeyValueHeads = 2,
            FeedForwardWidth = 64,
            VocabularySize = tokenizer.NumTokens,
            EmbeddingSize = tokenizer.NumTokens,
            MaxSequenceLength = TinyModel.ContextLength,
            MaskTokenId = tokenizer.MaskId!.Value,
            EosTokenId = tokenizer.EndOfTextId,
            PadTokenId = tokenizer.EndOfTextId,
            EotTokenId = tokenizer.EndOfTurnId,
        };
        return name switch
        {
            "iLLaDA" => config with { NumKeyValueHeads = 1, TiesWeights = true },
            "LLaDA-MoE" => config with { HasQkNorm = true, Experts = experts },
            "LLaDA2" => config with
            {
                BlockLength = 8,
                HasQkNorm = true,
                RotaryWidth = 8,
                Experts = experts with { Router = RouterKind.Sigmoid, SharedWidth = 16, HasBias = true, Scale = 2.5, DenseLayers = [0] },
            },
            "Dream" => config with { HasQkvBias = true },
            "SDAR" => config with { BlockLength = 4, HasQkNorm = true },
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "No such family"),
        };
    }
}
