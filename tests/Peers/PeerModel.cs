using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Batch.Peers;

/// <summary>A model that all peers run.</summary>
/// <param name="Folder">Of its checkpoint.</param>
internal sealed record PeerModel(string Name, string Folder)
{
    /// <summary>Types of weights to compare it in.</summary>
    public IReadOnlyList<ScalarType> Types { get; init; } = [ScalarType.Float32, ScalarType.BFloat16];

    /// <summary>Whether rows are generated together as well, which takes llama.cpp minutes with a larger one.</summary>
    public bool IsSmall { get; init; }

    private const int MaxSequenceLength = 1024, EmbeddingSize = 16_384;

    /// <summary>Random weights in the shape of LLaDA, written as a checkpoint.</summary>
    public static PeerModel Random(string name, string folder, int width, int numLayers, int feedForwardWidth, ScalarType type)
    {
        var config = new LLaDAConfig
        {
            ModelWidth = width,
            NumLayers = numLayers,
            NumHeads = width / 64,
            NumKeyValueHeads = width / 64,
            FeedForwardWidth = feedForwardWidth,
            VocabularySize = EmbeddingSize,
            EmbeddingSize = EmbeddingSize,
            MaxSequenceLength = MaxSequenceLength,
            TiesWeights = true,
            MaskTokenId = EmbeddingSize - 3,
            EosTokenId = EmbeddingSize - 2,
            PadTokenId = EmbeddingSize - 2,
        };
        using var model = new MaskPredictor(config, CPU);
        model.Initialize(seed: 1);
        Directory.CreateDirectory(folder);
        Checkpoint.Save(model, folder, type);
        return new PeerModel(name, folder);
    }
}
