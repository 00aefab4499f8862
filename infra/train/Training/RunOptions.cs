using System.CommandLine;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train.Training;

/// <summary>The options that all ways to train share.</summary>
internal sealed class RunOptions
{
    private readonly Option<DirectoryInfo> _run = new("--run")
    {
        Description = "Folder of the run: checkpoints, metrics.jsonl and curves.svg. A run that has a checkpoint resumes from it",
        Required = true,
    };

    private readonly Option<DirectoryInfo> _output = new("--out")
    {
        Description = "Folder for the finished model, in bfloat16",
        Required = true,
    };

    private readonly Option<int> _batchSize = new Option<int>("--batch-size") { Description = "Examples of a step" }.AtLeast(1);
    private readonly Option<int?> _microBatchSize = new Option<int?>("--micro-batch-size")
    {
        Description = "Rows of a forward pass; a step accumulates gradients over its passes. Without it a step is one pass",
    }.AtLeast(1);

    private readonly Option<double> _rate = new("--learning-rate") { Description = "Peak learning rate" };
    private readonly Option<int> _warmup = new Option<int>("--warmup-steps")
    {
        Description = "Steps up to the peak rate. The default is reduced to a tenth of all steps where the run is short",
    }.AtLeast(0);

    private readonly Option<double> _weightDecay = new("--weight-decay") { Description = "Weight decay of matrices" };
    private readonly Option<OptimizerKind> _optimizer = new("--optimizer")
    {
        Description = "AdamW, or Muon for the matrices of the blocks and AdamW for the rest: fewer steps, each of which takes longer",
        DefaultValueFactory = _ => OptimizerKind.AdamW,
    };

    private readonly Option<double> _beta2 = new("--beta2")
    {
        Description = "AdamW's decay of squared gradients; where steps have few tokens, a higher one such as 0.999",
    };

    private readonly Option<long> _seed = new("--seed")
    {
        Description = "Seed of initialisation, noise and data order",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<int> _interval = new Option<int>("--checkpoint-interval")
    {
        Description = "Steps between checkpoints, and between estimates of the held-out loss",
        DefaultValueFactory = _ => 500,
    }.AtLeast(1);

    private readonly Option<int> _kept = new Option<int>("--keep")
    {
        Description = "Checkpoints to keep, the latest ones",
        DefaultValueFactory = _ => 2,
    }.AtLeast(1);

    private readonly Option<double?> _emaDecay = new("--average")
    {
        Description = "Decay of the exponential moving average (EMA) of the weights, such as 0.999. Without it no average is kept",
    };

    private readonly Option<RateDecay> _decay = new("--rate-decay") { Description = "Linear at the end, or Cosine over the whole run" };
    private readonly bool _choosesNoise;
    private readonly Option<double> _minNoise = new("--min-noise")
    {
        Description = "Lowest noise level that is trained, at least 0. A higher one reduces the variance of the gradient",
    };

    private readonly Option<double> _maxNoise = new("--max-noise")
    {
        Description = "Highest noise level that is trained, at most 1",
        DefaultValueFactory = _ => 1,
    };

    private readonly Option<double?> _memory = new("--memory-gb")
    {
        Description = "Memory limit in GB; a run that needs more does not start. The default is the memory that the process may use",
    };

    private readonly Option<bool> _isFloat32 = new("--float32") { Description = "Multiply matrices in float32 instead of bfloat16" };
    private readonly Option<bool> _checkpointsActivations = new("--recompute")
    {
        Description = "Activation checkpointing: recompute activations in the backward pass. Less memory, about a third more work",
    };

    /// <param name="choosesNoise">Whether the noise levels are an option.</param>
    public RunOptions(
        int batchSize, double learningRate, int warmupSteps, double weightDecay = 0.1, RateDecay decay = RateDecay.Linear,
        double beta2 = 0.95, bool choosesNoise = true)
    {
        _batchSize.DefaultValueFactory = _ => batchSize;
        _rate.DefaultValueFactory = _ => learningRate;
        _warmup.DefaultValueFactory = _ => warmupSteps;
        _weightDecay.DefaultValueFactory = _ => weightDecay;
        _beta2.DefaultValueFactory = _ => beta2;
        _decay.DefaultValueFactory = _ => decay;
        _choosesNoise = choosesNoise;
    }

    public void AddTo(Command command)
    {
        Option[] options =
        [
            _run, _output, _batchSize, _microBatchSize, _rate, _warmup, _weightDecay, _optimizer, _beta2, _seed, _interval, _kept,
            _emaDecay, _decay, .. _choosesNoise ? new Option[] { _minNoise, _maxNoise } : [], _isFloat32, _checkpointsActivations, _memory,
        ];
        foreach (var option in options)
            command.Options.Add(option);
    }

    /// <summary>The run's folder, which is created.</summary>
    public string Run(ParseResult parse) => Directory.CreateDirectory(parse.GetRequiredValue(_run).FullName).FullName;

    public string Output(ParseResult parse) => parse.GetRequiredValue(_output).FullName;

    public int BatchSize(ParseResult parse) => parse.GetValue(_batchSize);

    public long Seed(ParseResult parse) => parse.GetValue(_seed);

    public ScalarType ComputeType(ParseResult parse) => parse.GetValue(_isFloat32) ? ScalarType.Float32 : ScalarType.BFloat16;

    /// <summary>Whether a range of noise levels is given.</summary>
    public bool ClipsNoise(ParseResult parse) => IsGiven(parse, _minNoise) || IsGiven(parse, _maxNoise);

    /// <param name="finalShare">The last learning rate, as a share of the peak.</param>
    /// <param name="decayShare">Share of the steps in which a linear rate falls.</param>
    public TrainingOptions Training(ParseResult parse, int numSteps, double finalShare, double decayShare)
    {
        double peak = parse.GetValue(_rate);
        int warmup = IsGiven(parse, _warmup) ? parse.GetValue(_warmup) : Math.Min(parse.GetValue(_warmup), numSteps / 10);
        return new TrainingOptions
        {
            BatchSize = BatchSize(parse),
            MicroBatchSize = parse.GetValue(_microBatchSize),
            LearningRate = parse.GetValue(_decay) == RateDecay.Cosine
                ? LearningRateSchedule.Cosine(peak, peak * finalShare, warmup, numSteps)
                : new LearningRateSchedule(peak, peak * finalShare, warmup, (int)(numSteps * decayShare), numSteps),
            WeightDecay = parse.GetValue(_weightDecay),
            Optimizer = parse.GetValue(_optimizer),
            Beta2 = parse.GetValue(_beta2),
            StratifiesTimes = true,
            NoiseLevels = _choosesNoise ? new NoiseLevels(parse.GetValue(_minNoise), parse.GetValue(_maxNoise)) : NoiseLevels.All,
            ActivationCheckpointing = parse.GetValue(_checkpointsActivations),
            EmaDecay = parse.GetValue(_emaDecay),
            DeviceBytes = parse.GetValue(_memory) is { } gigabytes ? (long)(gigabytes * 1e9) : null,
            Seed = Seed(parse),
            NumCheckpoints = parse.GetValue(_kept),
            CheckpointInterval = parse.GetValue(_interval),
            ValidationInterval = parse.GetValue(_interval),
        };
    }

    private static bool IsGiven(ParseResult parse, Option option) => parse.GetResult(option) is { Implicit: false };
}
