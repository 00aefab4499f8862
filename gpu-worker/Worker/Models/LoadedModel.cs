using System.Diagnostics;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Infilling;
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
    private readonly TensorThread _tensors;
    private readonly SamplingEngine _engine;
    private readonly SamplingLoop _loop;
    private readonly LikelihoodEstimator _likelihood;

    private LoadedModel(string id, MaskPredictor predictor, LLaDATokenizer tokenizer, TensorThread tensors, int batchTokens)
    {
        (Id, _predictor, Tokenizer, _tensors) = (id, predictor, tokenizer, tensors);
        _engine = new SamplingEngine(predictor, tokenizer.NumTokens, batchTokens);
        _loop = new SamplingLoop(_engine, tensors);
        _likelihood = new LikelihoodEstimator(predictor, batchTokens);
        NonText = Infiller.NonText(tokenizer, predictor.Config);
    }

    public string Id { get; }

    public LLaDATokenizer Tokenizer { get; }

    /// <summary>The tokens that never fill a gap in a text.</summary>
    public TokenSet NonText { get; }

    /// <summary>Rows that it has sampled to their end.</summary>
    public long NumSampled => _engine.NumCompleted;

    public int MaskTokenId => _predictor.Config.MaskTokenId;

    /// <summary>The longest canvas, in tokens.</summary>
    public int ContextLength => _predictor.Config.MaxSequenceLength;

    /// <summary>Whether a token ends an answer.</summary>
    public bool IsEnd(int token) => _predictor.Config.IsEnd(token) || token == Tokenizer.EndOfTextId || token == Tokenizer.EndOfTurnId;

    /// <summary>Call it on the tensor thread.</summary>
    /// <param name="folder">Has whole weights and a tokenizer.</param>
    /// <param name="adapter">Folder of a LoRA adapter, which is merged into them; null for none.</param>
    public static LoadedModel Load(string id, string folder, string? adapter, WorkerOptions options, TensorThread tensors)
    {
        var hardware = Hardware.Of(options);
        var tokenizer = new LLaDATokenizer(folder);
        if (LLaDAConfigJson.Read(Path.Combine(folder, Checkpoint.ConfigFile)).IsCausal)
            throw new CheckpointException(folder, "holds an autoregressive twin, which cannot fill gaps");
        var predictor = Checkpoint.Load(folder, hardware.Device, hardware.ComputeType, hardware.ComputeType, adapter);
        int batchTokens = options.BatchTokens ?? PassBudget.MaxTokens(predictor.Config, hardware.ComputeType, hardware.Device, hardware.PassBytes(predictor.Config));
        return new LoadedModel(id, predictor, tokenizer, tensors, batchTokens);
    }

    /// <summary>What lines may ask of this model, from any thread.</summary>
    /// <param name="cancellation">Ends all operations.</param>
    internal ModelOperations Operations(CancellationToken cancellation) => new(
        row => _loop.SampleAsync(row, cancellation),
        async (prompt, answer, options) =>
        {
            using var terms = _likelihood.Terms(prompt, answer, options).GetEnumerator();
            double sum = 0;
            while (await _tensors.RunAsync(terms.MoveNext, cancellation))
            {
                sum += terms.Current;
                Telemetry.ForwardPasses.Add(1);
            }
            return sum;
        },
        cancellation);

    /// <summary>Tokens that pass through the model in a second.</summary>
    public Task<double> MeasureTokensPerSecondAsync(CancellationToken cancellation) => _tensors.RunAsync(MeasureTokensPerSecond, cancellation);

    /// <summary>Whether the smallest pass still works: where it does not, no line is to blame for its failure.</summary>
    public Task<bool> WorksAsync(CancellationToken cancellation) => _tensors.SucceedsAsync(PassOnce, cancellation);

    public void Dispose()
    {
        NonText.Dispose();
        _engine.Dispose();
        _predictor.Dispose();
    }

    private float PassOnce()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var logits = _predictor.forward(full([1, 1], MaskTokenId, ScalarType.Int64, _predictor.Device));
        return logits.sum().item<float>();
    }

    private double MeasureTokensPerSecond()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var canvas = full([MeasuredRows, Math.Min(MeasuredLength, ContextLength)], MaskTokenId, ScalarType.Int64, _predictor.Device);
        Pass(WarmupPasses);
        long started = Stopwatch.GetTimestamp();
        Pass(MeasuredPasses);
        return MeasuredPasses * canvas.numel() / Stopwatch.GetElapsedTime(started).TotalSeconds;

        // A card computes while the host goes on: it is waited for.
        void Pass(int count)
        {
            for (int pass = 0; pass < count; pass++)
                _predictor.Hidden(canvas);
            if (_predictor.Device.type == TorchSharp.DeviceType.CUDA)
                cuda.synchronize(_predictor.Device);
        }
    }
}
