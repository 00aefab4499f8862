using System.CommandLine;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using LLaDA.Diffusion.Training.Preferences;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train.Training;

/// <summary>Trains a model on preferences against what it is (VRPO), or resumes from the run's last checkpoint.</summary>
internal sealed class DpoCommand
{
    private static readonly PreferenceOptions s_published = new();

    private readonly Option<DirectoryInfo> _model = new("--model")
    {
        Description = "Folder of the model to start from, tokenizer included. It is the reference too",
        Required = true,
    };

    private readonly Option<FileInfo> _data = new("--data")
    {
        Description = "JSON Lines of {\"input\": {\"messages\"}, \"preferred_output\", \"non_preferred_output\"}",
        Required = true,
    };

    private readonly Option<FileInfo?> _validation = new("--validation") { Description = "Held-out pairs" };
    private readonly Option<double> _epochs = new Option<double>("--epochs")
    {
        Description = "Passes over the data",
        DefaultValueFactory = _ => 1,
    }.Above0();

    private readonly Option<int?> _maxLength = new Option<int?>("--max-length")
    {
        Description = "Longest question with an answer, in tokens. The default is the model's context",
    }.AtLeast(1);

    private readonly Option<bool> _skipsLong = new("--skip-long") { Description = "Leaves out longer pairs instead of stopping" };
    private readonly Option<double> _beta = new Option<double>("--beta")
    {
        Description = "How strongly the margin of a pair counts",
        DefaultValueFactory = _ => s_published.Beta,
    }.Above0();

    private readonly Option<int> _samples = new Option<int>("--samples")
    {
        Description = "Noised rows of each answer",
        DefaultValueFactory = _ => s_published.NumSamples,
    }.AtLeast(1);

    private readonly Option<double> _sftWeight = new("--sft-weight")
    {
        Description = "Weight of the denoising loss of preferred answers. 0 leaves it out",
        DefaultValueFactory = _ => s_published.SftWeight,
    };

    private readonly Option<bool> _normalizesLength = new("--normalize-length")
    {
        Description = "Divides the bound of each answer by its length",
    };

    private readonly AdapterOptions _adapter = new();
    private readonly RunOptions _run = new(
        batchSize: 64, learningRate: 5e-7, warmupSteps: 15, weightDecay: 0.01, RateDecay.Cosine, choosesNoise: false);

    public static Command Create()
    {
        var options = new DpoCommand();
        var command = new Command("dpo", "Trains a model on preferences")
        {
            options._model, options._data, options._validation, options._epochs, options._maxLength, options._skipsLong,
            options._beta, options._samples, options._sftWeight, options._normalizesLength,
        };
        options._adapter.AddTo(command);
        options._run.AddTo(command);
        command.SetAction((parse, cancellation) => Task.Run(() => options.Run(parse, cancellation), cancellation));
        return command;
    }

    private void Run(ParseResult parse, CancellationToken cancellation)
    {
        LibTorch.Load();
        string source = parse.GetRequiredValue(_model).FullName;
        var tokenizer = new LLaDATokenizer(source);
        var adapterOptions = _adapter.Read(parse, source, tokenizer, _run.Seed(parse));
        int numVirtual = adapterOptions?.NumVirtualTokens ?? 0;
        var config = LLaDAConfigJson.Read(Path.Combine(source, Checkpoint.ConfigFile));
        PreferenceData Open(FileInfo file, long seed) => new(file.FullName, tokenizer, new FineTuningOptions
        {
            MaxLength = parse.GetValue(_maxLength) ?? config.MaxSequenceLength - numVirtual,
            LongExamples = parse.GetValue(_skipsLong) ? LongExamples.Skip : LongExamples.Fail,
            Seed = seed,
        });
        using var training = Open(parse.GetRequiredValue(_data), _run.Seed(parse));
        using var heldOut = parse.GetValue(_validation) is { } file ? Open(file, Trainer.ValidationSeed) : null;
        int numSteps = (int)Math.Ceiling(parse.GetValue(_epochs) * training.NumRows / _run.BatchSize(parse));
        var options = _run.Training(parse, numSteps, finalShare: 0, decayShare: 0.9) with
        {
            Preference = new PreferenceOptions
            {
                Beta = parse.GetValue(_beta),
                NumSamples = parse.GetValue(_samples),
                SftWeight = parse.GetValue(_sftWeight),
                NormalizesLength = parse.GetValue(_normalizesLength),
            },
        };

        long numTrained = adapterOptions?.NumParameters(config) ?? config.NumParameters;
        var computeType = _run.ComputeType(parse);
        var weightType = adapterOptions is null ? ScalarType.Float32 : computeType;
        TrainingMemory.Require(config, numTrained, weightType, computeType, options, numVirtual + training.MaxLength, CPU);
        using var network = Checkpoint.Load(source, CPU, weightType, computeType);
        using var adapter = adapterOptions?.AddTo(network);
        ITrainedWeights weights = adapter is null ? new FullWeights(network) : adapter;
        using IReferenceModel reference = adapter is null
            ? new FrozenModel(Checkpoint.Load(source, CPU, weightType, computeType))
            : adapter.NewReference();
        Console.WriteLine(
            $"{network.Config.NumParameters:N0} parameters, {numTrained:N0} trained, "
            + $"{training.NumRows:N0} pairs ({training.NumSkipped} left out), {numSteps} steps");

        string folder = _run.Run(parse);
        var run = new ConsoleRun(folder, numSteps, parse.InvocationConfiguration.Output);
        var method = new PreferenceTraining(weights, reference, training, heldOut, options);
        run.Train(new Trainer(weights, method, options, folder), cancellation);
        _adapter.Save(parse, network, adapter, source, _run.Output(parse), run);
    }
}
