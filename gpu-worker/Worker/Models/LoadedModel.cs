using System.Diagnostics;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Models;

/// <summary>A model in memory with its tokenizer and sampler. Its tensors belong to the tensor thread.</summary>
public sealed class LoadedModel : IDisposable
{
    private const int WarmupPasses = 2, MeasuredPasses = 4;
    private const int MeasuredRows = 8, MeasuredLength = 128;

    private readonly MaskPredictor _predictor;

    private LoadedModel(string id, MaskPredictor predictor, LLaDATokenizer tokenizer)
    {
        (Id, _predictor, Tokenizer) = (id, predictor, tokenizer);
        Sampler = new Sampler(predictor, tokenizer.NumTokens);
        NonText = new TokenSet(tokenizer.NonTextIds.Where(token => token < predictor.Config.VocabularySize));
    }

    public string Id { get; }

    public LLaDATokenizer Tokenizer { get; }

    public Sampler Sampler { get; }

    /// <summary>What a gap in a text is never filled with.</summary>
    public TokenSet NonText { get; }

    public int MaskTokenId => _predictor.Config.MaskTokenId;

    /// <summary>The longest canvas, in tokens.</summary>
    public int ContextLength => _predictor.Config.MaxSequenceLength;

    /// <summary>Whether a token ends an answer.</summary>
    public bool IsEnd(int token) => token == _predictor.Config.EosTokenId || token == Tokenizer.EndOfTextId || token == Tokenizer.EndOfTurnId;

    /// <summary>Call it on the tensor thread.</summary>
    public static LoadedModel Load(string id, string folder, WorkerOptions options)
    {
        var type = options.BFloat16 ? ScalarType.BFloat16 : ScalarType.Float32;
        var tokenizer = new LLaDATokenizer(folder);
        return new LoadedModel(id, Checkpoint.Load(folder, CPU, type, type), tokenizer);
    }

    /// <summary>Tokens that pass through the model in a second. Call it on the tensor thread.</summary>
    public double MeasureTokensPerSecond()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var canvas = full([MeasuredRows, Math.Min(MeasuredLength, ContextLength)], MaskTokenId, ScalarType.Int64);
        for (int pass = 0; pass < WarmupPasses; pass++)
            _predictor.Hidden(canvas);
        long started = Stopwatch.GetTimestamp();
        for (int pass = 0; pass < MeasuredPasses; pass++)
            _predictor.Hidden(canvas);
        return MeasuredPasses * canvas.numel() / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    public void Dispose()
    {
        NonText.Dispose();
        Sampler.Dispose();
        _predictor.Dispose();
    }
}
