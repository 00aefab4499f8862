using System.Text.Json;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;

namespace LLaDA.Batch.Benchmarks.Scaling;

/// <summary>What all sizes share, so that they see the same tokens.</summary>
/// <param name="Points">How often the loss on held-out text is measured, the last time after the last step.</param>
internal sealed record ScalingRecipe(int Steps, int BatchSize, int SequenceLength, int Points, int Seed)
{
    private const double PeakRate = 2e-3, FinalRate = 1e-4;

    public TrainingOptions Training => new()
    {
        BatchSize = BatchSize,
        LearningRate = LearningRateSchedule.Cosine(PeakRate, FinalRate, Math.Min(100, Steps / 10), Steps),
        StratifiesTimes = true,
        RandomLengthRatio = 0.01,
        Seed = Seed,
        CheckpointInterval = 200,
        ValidationInterval = Math.Max(1, Steps / Points),
    };

    public LLaDAConfig Config(LLaDATokenizer tokenizer, int width, int layers, bool isCausal) => new()
    {
        ModelWidth = width,
        NumLayers = layers,
        NumHeads = width / 32,
        NumKeyValueHeads = width / 32,
        FeedForwardWidth = 3 * width,
        VocabularySize = tokenizer.NumTokens,
        EmbeddingSize = tokenizer.NumTokens,
        MaxSequenceLength = SequenceLength,
        RopeTheta = 10_000,
        TiesWeights = true,
        IsCausal = isCausal,
        MaskTokenId = tokenizer.MaskId!.Value,
        EosTokenId = tokenizer.EndOfTextId,
        PadTokenId = tokenizer.EndOfTextId,
    };

    /// <summary>
    /// 6 for each weight of a block and token, and 6 for each weight of the head and predicted token; attention itself and the optimizer
    /// are not counted.
    /// </summary>
    /// <param name="tokens">Seen in training.</param>
    public double Flops(LLaDAConfig config, long tokens)
    {
        double predicted = config.IsCausal ? (SequenceLength - 1.0) / SequenceLength : (1 + ForwardProcess.Epsilon) / 2;
        return 6.0 * tokens * (config.NumNonEmbeddingParameters + (predicted * config.EmbeddingSize * config.ModelWidth));
    }

    /// <summary>
    /// Written down with the first run of a folder, which later ones must agree with: rows of different recipes are no table.
    /// </summary>
    /// <exception cref="ArgumentException">The folder holds runs of another recipe.</exception>
    public void Claim(string folder)
    {
        string path = Path.Combine(Directory.CreateDirectory(folder).FullName, "recipe.json");
        if (!File.Exists(path))
            WholeFile.Write(path, JsonSerializer.Serialize(this));
        else if (JsonSerializer.Deserialize<ScalingRecipe>(File.ReadAllText(path)) is var claimed && claimed != this)
            throw new ArgumentException($"{folder} holds runs of {claimed}; this one is {this}");
    }
}
