using System.CommandLine;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train;

/// <summary>The options that every training has, whatever it learns.</summary>
internal sealed class RunOptions
{
    private readonly Option<DirectoryInfo> _run = new("--run") { Description = "Folder of the run: its checkpoints, metrics.jsonl and curves.svg; a run that has a checkpoint goes on from it", Required = true };
    private readonly Option<DirectoryInfo> _output = new("--out") { Description = "Folder for the finished model, in bfloat16", Required = true };
    private readonly Option<int> _batchSize = new("--batch-size") { Description = "Rows of a step" };
    private readonly Option<int?> _microBatchSize = new("--micro-batch-size") { Description = "Rows of a forward pass; a step adds up as many as its batch takes" };
    private readonly Option<double> _rate = new("--learning-rate") { Description = "Peak rate" };
    private readonly Option<int> _warmup = new("--warmup-steps") { Description = "Steps up to the peak rate; unless given, no more than a tenth of all" };
    private readonly Option<double> _weightDecay = new("--weight-decay") { DefaultValueFactory = _ => 0.1 };
    private readonly Option<long> _seed = new("--seed") { DefaultValueFactory = _ => 1 };
    private readonly Option<int> _interval = new("--checkpoint-interval") { Description = "Steps between checkpoints and estimates on held-out text", DefaultValueFactory = _ => 500 };
    private readonly Option<int> _kept = new("--keep") { Description = "Checkpoints that are kept", DefaultValueFactory = _ => 2 };
    private readonly Option<double?> _average = new("--average") { Description = "Decay of a moving average of the weights, such as 0.999; none unless given" };
    private readonly Option<RateDecay> _decay = new("--rate-decay") { Description = "Linear at the end, or Cosine over the whole run" };
    private readonly Option<double> _minNoise = new("--min-noise") { Description = "The lowest noise level that is trained, at least 0; without the lowest ones training is less noisy" };
    private readonly Option<double> _maxNoise = new("--max-noise") { Description = "The highest noise level that is trained, at most 1", DefaultValueFactory = _ => 1 };
    private readonly Option<double?> _memory = new("--memory-gb") { Description = "Memory that the training may take; what the process may use unless given. A training that needs more does not begin" };
    private readonly Option<bool> _isFloat32 = new("--float32") { Description = "Multiply in float32 instead of bfloat16" };
    private readonly Option<bool> _recomputes = new("--recompute") { Description = "Keep little of the forward pass and compute it again on the way back: less memory, a third more work" };

    public RunOptions(int batchSize, double learningRate, int warmupSteps)
    {
        _batchSize.DefaultValueFactory = _ => batchSize;
        _rate.DefaultValueFactory = _ => learningRate;
        _warmup.DefaultValueFactory = _ => warmupSteps;
    }

    public void AddTo(Command command)
    {
        foreach (Option option in new Option[] { _run, _output, _batchSize, _microBatchSize, _rate, _warmup, _weightDecay, _seed, _interval, _kept, _average, _decay, _minNoise, _maxNoise, _isFloat32, _recomputes, _memory })
            command.Options.Add(option);
    }

    public string Run(ParseResult parse) => Directory.CreateDirectory(parse.GetRequiredValue(_run).FullName).FullName;

    public string Output(ParseResult parse) => parse.GetRequiredValue(_output).FullName;

    public long Seed(ParseResult parse) => parse.GetValue(_seed);

    public int BatchSize(ParseResult parse) => parse.GetValue(_batchSize);

    public ScalarType ComputeType(ParseResult parse) => parse.GetValue(_isFloat32) ? ScalarType.Float32 : ScalarType.BFloat16;

    /// <summary>Whether a range of noise levels is asked for.</summary>
    public bool ClipsNoise(ParseResult parse) => parse.GetResult(_minNoise) is { Implicit: false } || parse.GetResult(_maxNoise) is { Implicit: false };

    /// <param name="finalShare">The last rate, as a share of the peak.</param>
    /// <param name="decayShare">Share of the steps in which the rate falls.</param>
    public TrainingOptions Training(ParseResult parse, int numSteps, double finalShare, double decayShare)
    {
        double peak = parse.GetValue(_rate);
        int warmup = parse.GetResult(_warmup) is { Implicit: false } ? parse.GetValue(_warmup) : Math.Min(parse.GetValue(_warmup), numSteps / 10);
        return new TrainingOptions
        {
            BatchSize = BatchSize(parse),
            MicroBatchSize = parse.GetValue(_microBatchSize),
            LearningRate = parse.GetValue(_decay) == RateDecay.Cosine
                ? LearningRateSchedule.Cosine(peak, peak * finalShare, warmup, numSteps)
                : new LearningRateSchedule(peak, peak * finalShare, warmup, (int)(numSteps * decayShare), numSteps),
            WeightDecay = parse.GetValue(_weightDecay),
            StratifiesTimes = true,
            NoiseLevels = new NoiseLevels(parse.GetValue(_minNoise), parse.GetValue(_maxNoise)),
            ActivationCheckpointing = parse.GetValue(_recomputes),
            EmaDecay = parse.GetValue(_average),
            DeviceBytes = parse.GetValue(_memory) is { } gigabytes ? (long)(gigabytes * 1e9) : null,
            Seed = Seed(parse),
            NumCheckpoints = parse.GetValue(_kept),
            CheckpointInterval = parse.GetValue(_interval),
            ValidationInterval = parse.GetValue(_interval),
        };
    }

    /// <summary>Saves a trained network in bfloat16 with its tokenizer: a folder that the worker, and the next training, can use.</summary>
    /// <param name="tokenizer">Folder whose tokenizer files go with it.</param>
    public static void Save(MaskPredictor network, string tokenizer, string output)
    {
        Checkpoint.Save(network, output, ScalarType.BFloat16);
        foreach (string file in Directory.GetFiles(tokenizer, "tokenizer*.json"))
        {
            string copy = Path.Combine(output, Path.GetFileName(file));
            if (Path.GetFullPath(file) != Path.GetFullPath(copy))
                File.Copy(file, copy, overwrite: true);
        }
    }

    /// <summary>Runs a trainer, telling every twentieth step.</summary>
    public static void Run(Trainer trainer, CancellationToken cancellation) => trainer.Run(metrics =>
    {
        if (metrics.Step % 20 == 0 || metrics.ValidationLoss is not null)
            Console.WriteLine($"step {metrics.Step}  loss {metrics.Loss:F3}  grad {metrics.GradNorm:F2}  lr {metrics.LearningRate:E1}  {metrics.TokensPerSecond:F0} tokens/s  {metrics.ValidationLoss,6:F3}");
    }, cancellation);
}
