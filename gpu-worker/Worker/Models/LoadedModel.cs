using System.Diagnostics;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Adapters;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;
using static TorchSharp.torch;

namespace LLaDA.Batch.Worker.Models;

/// <summary>A model in memory with its tokenizer and sampler. Its tensors belong to the tensor thread.</summary>
internal sealed class LoadedModel : IDisposable
{
    private const int WarmupPasses = 1, MaxMeasuredPasses = 4;
    private const int MeasuredRows = 8, MeasuredLength = 128, TriedLength = 32;

    /// <summary>Behind it no further pass is measured: one of a slow device is long enough, and the worker's start waits for it.</summary>
    private static readonly TimeSpan s_measuredTime = TimeSpan.FromMilliseconds(100);

    private readonly MaskPredictor _predictor;
    private readonly TensorThread _tensors;
    private readonly SamplingEngine _engine;
    private readonly SamplingLoop _loop;
    private readonly LikelihoodEstimator _likelihood;

    private LoadedModel(string id, MaskPredictor predictor, LLaDATokenizer tokenizer, TensorThread tensors, Hardware hardware)
    {
        (Id, _predictor, Tokenizer, _tensors) = (id, predictor, tokenizer, tensors);
        int batchTokens = PassTokens = hardware.PassTokens(predictor.Config, predictor.WeightType);
        _engine = new SamplingEngine(
            predictor, tokenizer.NumTokens, batchTokens, hardware.PrefixBytes(predictor.Config, predictor.WeightType));
        _loop = new SamplingLoop(_engine, tensors);
        _likelihood = new LikelihoodEstimator(predictor, batchTokens);
        NonText = Infiller.NonText(tokenizer, predictor.Config);
        Patterns = new PatternTokens(tokenizer, predictor.Config);
    }

    public string Id { get; }

    public LLaDATokenizer Tokenizer { get; }

    /// <summary>Tokens that no gap is filled with.</summary>
    public TokenSet NonText { get; }

    /// <summary>Tokens of gaps with patterns.</summary>
    public PatternTokens Patterns { get; }

    /// <summary>Number of rows sampled to completion.</summary>
    public long NumSampled => _engine.NumCompleted;

    /// <summary>Shape and family.</summary>
    public LLaDAConfig Config => _predictor.Config;

    /// <summary>Type of the matrices of its blocks.</summary>
    public ScalarType WeightType => _predictor.WeightType;

    public int MaskTokenId => _predictor.Config.MaskTokenId;

    /// <summary>The longest row, in tokens.</summary>
    public int ContextLength => _predictor.Config.ContextLength;

    /// <summary>Tokens of all rows that share a pass.</summary>
    public int PassTokens { get; }

    /// <summary>What a row of the whole context counts as in a pass; one of more than <see cref="PassTokens"/> passes alone.</summary>
    public long TokensOfLongestRow => PassBudget.TokensOfLongestRow(_predictor.Config, _predictor.ComputeType);

    /// <summary>Whether a token ends an answer.</summary>
    public bool IsEnd(int token) => _predictor.Config.IsEnd(token) || token == Tokenizer.EndOfTextId || token == Tokenizer.EndOfTurnId;

    /// <summary>Call it on the tensor thread. LoRA is merged into the weights, prompt vectors stand beside them.</summary>
    /// <param name="weights">How a card keeps the weights.</param>
    /// <exception cref="CheckpointException">The files cannot be used.</exception>
    public static LoadedModel Load(
        string id, ModelFiles files, Hardware hardware, TensorThread tensors, ModelWeights weights = ModelWeights.Auto)
    {
        var tokenizer = new LLaDATokenizer(files.Weights);
        var config = LLaDAConfigJson.Read(Path.Combine(files.Weights, Checkpoint.ConfigFile));
        if (config.IsCausal)
            throw new CheckpointException(files.Weights, "holds an autoregressive twin, which cannot fill gaps");
        var weightType = hardware.WeightType(weights);
        hardware.RequireFit(config, weightType, files.Weights);
        var predictor = AdaptedCheckpoint.Load(files.Weights, files.Adapter, hardware.Device, weightType, hardware.ComputeType);
        if (IsFinite(predictor))
            return new LoadedModel(id, predictor, tokenizer, tensors, hardware);
        predictor.Dispose();
        throw new CheckpointException(
            files.Weights,
            hardware.ComputeType == ScalarType.Float16
                ? "computes numbers that float16 does not hold: set Worker__Products to BFloat16 or Float32"
                : "computes numbers that are not finite: its weights are damaged");
    }

    /// <summary>The operations that lines run on this model, from any thread.</summary>
    /// <param name="party">The tenant of the lines: tenants share the model's time equally.</param>
    /// <param name="cancellation">Cancels all of them.</param>
    public ModelOperations Operations(string party, CancellationToken cancellation) => new(
        row => _loop.SampleAsync(row, party, cancellation),
        (prompt, answer, options, from, onPass) => ScoreAsync(party, prompt, answer, options, from, onPass, cancellation),
        cancellation);

    /// <summary>Measures token forwards per second.</summary>
    public Task<double> MeasureTokensPerSecondAsync(CancellationToken cancellation) =>
        _tensors.RunAsync(MeasureTokensPerSecond, cancellation);

    /// <summary>Whether the smallest pass still works: if not, no line is to blame for its failure.</summary>
    public Task<bool> WorksAsync(CancellationToken cancellation) => _tensors.SucceedsAsync(PassOnce, cancellation);

    public void Dispose()
    {
        NonText.Dispose();
        Patterns.Dispose();
        _engine.Dispose();
        _predictor.Dispose();
    }

    /// <summary>Each pass is a turn of its own.</summary>
    private async Task<double> ScoreAsync(
        string party,
        IReadOnlyList<int> prompt,
        IReadOnlyList<int> answer,
        LikelihoodOptions options,
        PartialScore from,
        Action<PartialScore> onPass,
        CancellationToken cancellation)
    {
        using var passes = _likelihood.Passes(prompt, answer, options, from.NumSamples).GetEnumerator();
        var score = from;
        await _tensors.RepeatAsync(party, () =>
        {
            if (!passes.MoveNext())
                return false;
            score = new PartialScore(score.NumSamples + passes.Current.NumSamples, score.Sum + passes.Current.Term);
            onPass(score);
            Telemetry.ForwardPasses.Add(1);
            return score.NumSamples < options.NumSamples;
        }, cancellation);
        return score.Sum;
    }

    private float PassOnce()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var logits = _predictor.forward(full([1, 1], MaskTokenId, ScalarType.Int64, _predictor.Device));
        return logits.sum().item<float>();
    }

    /// <summary>Whether a short row of text and masks gives numbers.</summary>
    private static bool IsFinite(MaskPredictor predictor)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var config = predictor.Config;
        int length = Math.Min(TriedLength, config.MaxSequenceLength);
        long[] canvas =
        [
            .. Enumerable.Range(0, length).Select(place => (long)(place < config.NumVirtualTokens
                ? config.EmbeddingSize + place
                : place % 2 == 0 ? config.MaskTokenId : place % config.VocabularySize)),
        ];
        return predictor.forward(tensor(canvas, device: predictor.Device).unsqueeze(0)).isfinite().all().item<bool>();
    }

    private double MeasureTokensPerSecond()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var canvas = full([MeasuredRows, Math.Min(MeasuredLength, ContextLength)], MaskTokenId, ScalarType.Int64, _predictor.Device);
        Pass(WarmupPasses);
        long started = Stopwatch.GetTimestamp();
        int numPasses = 0;
        while (numPasses < MaxMeasuredPasses && Stopwatch.GetElapsedTime(started) < s_measuredTime)
        {
            Pass(1);
            numPasses++;
        }
        return numPasses * canvas.numel() / Stopwatch.GetElapsedTime(started).TotalSeconds;

        // A card computes asynchronously, so its work is awaited.
        void Pass(int count)
        {
            for (int pass = 0; pass < count; pass++)
                _predictor.Hidden(canvas);
            if (_predictor.Device.type == TorchSharp.DeviceType.CUDA)
                cuda.synchronize(_predictor.Device);
        }
    }
}
