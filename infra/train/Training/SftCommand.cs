using System.CommandLine;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train.Training;

/// <summary>Fine-tunes a model on dialogues or on prompts with completions, or resumes from the run's last checkpoint.</summary>
internal sealed class SftCommand
{
    private const double FinalRate = 0.1, DecayShare = 0.1;

    private readonly Option<DirectoryInfo> _model = new("--model")
    {
        Description = "Folder of the model to start from, tokenizer included",
        Required = true,
    };

    private readonly Option<FileInfo> _data = new("--data")
    {
        Description = "JSON Lines of {\"messages\"} or of {\"prompt\", \"completion\"}",
        Required = true,
    };

    private readonly Option<FileInfo?> _validation = new("--validation") { Description = "Held-out examples" };
    private readonly Option<double> _epochs = new Option<double>("--epochs")
    {
        Description = "Passes over the data",
        DefaultValueFactory = _ => 3,
    }.Above0();

    private readonly Option<int?> _maxLength = new Option<int?>("--max-length")
    {
        Description = "Longest example in tokens. The default is the model's context",
    }.AtLeast(1);

    private readonly Option<LongExamples> _longExamples = new("--long-examples") { Description = "Treatment of longer examples" };
    private readonly Option<LossReduction> _reduction = new("--reduction")
    {
        Description = "Whether each answer or each token has the same weight in the loss",
    };

    private readonly Option<bool> _ignoresPadding = new("--ignore-padding")
    {
        Description = "Leaves the end-of-text tokens that pad a batch out of the loss",
    };

    private readonly Option<bool> _masksEveryRow = new("--mask-every-row")
    {
        Description = "Draws masks until each answer has one, with corrected weights",
    };

    private readonly AdapterOptions _adapter = new();
    private readonly RunOptions _run = new(batchSize: 32, learningRate: 2.5e-5, warmupSteps: 50);

    public static Command Create()
    {
        var options = new SftCommand();
        var command = new Command("sft", "Fine-tunes a model on instructions")
        {
            options._model, options._data, options._validation, options._epochs, options._maxLength, options._longExamples,
            options._reduction, options._ignoresPadding, options._masksEveryRow,
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
        int maxLength = parse.GetValue(_maxLength) ?? config.MaxSequenceLength - numVirtual;
        FineTuningData Open(FileInfo file, long seed) => new(file.FullName, tokenizer, new FineTuningOptions
        {
            MaxLength = maxLength,
            LongExamples = parse.GetValue(_longExamples),
            LearnsPadding = !parse.GetValue(_ignoresPadding) && DiffusionObjective.Of(config).LearnsPadding,
            Seed = seed,
        });
        using var training = Open(parse.GetRequiredValue(_data), _run.Seed(parse));
        using var heldOut = parse.GetValue(_validation) is { } file ? Open(file, Trainer.ValidationSeed) : null;
        int numSteps = (int)Math.Ceiling(parse.GetValue(_epochs) * training.NumRows / _run.BatchSize(parse));
        var options = _run.Training(parse, numSteps, FinalRate, DecayShare) with
        {
            Reduction = parse.GetValue(_reduction),
            MasksEveryRow = parse.GetValue(_masksEveryRow),
        };

        long numTrained = adapterOptions?.NumParameters(config) ?? config.NumParameters;
        var computeType = _run.ComputeType(parse);
        var weightType = adapterOptions is null ? ScalarType.Float32 : computeType;
        TrainingMemory.Require(config, numTrained, weightType, computeType, options, numVirtual + training.MaxLength, CPU);
        using var network = Checkpoint.Load(source, CPU, weightType, computeType);
        using var adapter = adapterOptions?.AddTo(network);
        ITrainedWeights weights = adapter is null ? new FullWeights(network) : adapter;
        Console.WriteLine(
            $"{network.Config.NumParameters:N0} parameters, {numTrained:N0} trained, "
            + $"{training.NumRows:N0} examples ({training.NumSkipped} left out), {numSteps} steps");

        var (folder, output) = (_run.Run(parse), _run.Output(parse));
        var run = new ConsoleRun(folder, numSteps, parse.InvocationConfiguration.Output);
        run.Train(new Trainer(weights, training, heldOut, options, folder), cancellation);
        _adapter.Save(parse, network, adapter, source, output, run);
    }
}
