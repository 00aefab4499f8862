using LLaDA.Diffusion.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests;

/// <summary>
/// Networks that run in a millisecond: random ones for laws that hold for any network, and scripted ones whose predictions are known.
/// </summary>
internal static class TinyModel
{
    public const int Eos = 36, Pad = 37, Eot = 38, Mask = 39;

    /// <summary>Ids below it are text.</summary>
    public const int NumTextTokens = 36;

    /// <summary>Grouped-query attention, biases, an embedding larger than the vocabulary: every branch of the network.</summary>
    public static LLaDAConfig Config { get; } = new()
    {
        ModelWidth = 32,
        NumLayers = 2,
        NumHeads = 4,
        NumKeyValueHeads = 2,
        FeedForwardWidth = 48,
        VocabularySize = 40,
        EmbeddingSize = 44,
        MaxSequenceLength = 64,
        RopeTheta = 10_000,
        HasQkvBias = true,
        MaskTokenId = Mask,
        EosTokenId = Eos,
        PadTokenId = Pad,
        EotTokenId = Eot,
    };

    public static MaskPredictor Random(
        LLaDAConfig? config = null,
        long seed = 1,
        ScalarType weightType = ScalarType.Float32,
        ScalarType computeType = ScalarType.Float32,
        Device? device = null)
    {
        var model = new MaskPredictor(config ?? Config, device ?? CPU, weightType, computeType);
        model.Initialize(seed);
        model.eval();
        return model;
    }

    /// <summary>A random network with certain tokens made more, or less, likely everywhere.</summary>
    public static MaskPredictor Biased(params (int Token, float Bias)[] biases)
    {
        var model = Random();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        // Every token has the same large first component, which therefore reaches the head as a constant.
        model.Parameter("wte.weight").select(1, 0).fill_(3);
        var constant = model.Parameter("ff_out.weight").select(1, 0).fill_(0);
        foreach (var (token, bias) in biases)
            constant[token] = bias;
        return model;
    }

    /// <summary>
    /// A network that predicts the same logits at every position of every canvas: all its blocks write zeros, and all tokens are embedded
    /// alike.
    /// </summary>
    /// <param name="logits">By token; tokens beyond them are all but impossible.</param>
    public static MaskPredictor Predicting(params ReadOnlySpan<double> logits) => Predicting(Config, logits);

    /// <summary>The same with another configuration of the same width.</summary>
    public static MaskPredictor Predicting(LLaDAConfig config, params ReadOnlySpan<double> logits)
    {
        const double impossible = -1000;
        var model = Random(config);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        for (int layer = 0; layer < Config.NumLayers; layer++)
        {
            model.Parameter($"blocks.{layer}.attn_out.weight").fill_(0);
            model.Parameter($"blocks.{layer}.ff_out.weight").fill_(0);
        }
        var embedding = model.Parameter("wte.weight").fill_(0);
        embedding.select(1, 0).fill_(1);
        double hidden = 1 / Math.Sqrt((1.0 / Config.ModelWidth) + Config.RmsNormEpsilon);
        var head = model.Parameter("ff_out.weight").fill_(0).select(1, 0).fill_(impossible / hidden);
        for (int token = 0; token < logits.Length; token++)
            head[token] = (float)(logits[token] / hidden);
        return model;
    }

    public static Tensor Parameter(this nn.Module model, string name) =>
        model.named_parameters().Single(parameter => parameter.name == name).parameter;

    /// <returns>[1, L].</returns>
    public static Tensor Canvas(params long[] tokens) => tensor(tokens).unsqueeze(0);
}
