using System.CommandLine;
using System.Text.Json;
using LLaDA.Batch.Shared.Grading;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Batch.Worker.Training;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Bounds;
using LLaDA.Diffusion.Training.Reinforcement;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train.Training;

/// <summary>Trains a model on rewards of its own answers (ESPO), or resumes from the run's last checkpoint.</summary>
internal sealed class ReinforceCommand
{
    private const int MaxFaults = 20;

    private readonly Option<DirectoryInfo> _model = new("--model")
    {
        Description = "Folder of the model to start from, tokenizer included. It is the reference too",
        Required = true,
    };

    private readonly Option<FileInfo> _data = new("--data")
    {
        Description = "JSON Lines of {\"messages\"} that end with a question, or of {\"prompt\"}, with what the grader uses of a line",
        Required = true,
    };

    private readonly Option<FileInfo> _grader = new("--grader")
    {
        Description = "JSON of the grader that judges answers: string_check, text_similarity, likelihood or multi",
        Required = true,
    };

    private readonly Option<FileInfo?> _validation = new("--validation") { Description = "Held-out prompts" };
    private readonly Option<double> _epochs = new Option<double>("--epochs")
    {
        Description = "Passes over the data",
        DefaultValueFactory = _ => 1,
    }.Above0();

    private readonly Option<int?> _maxLength = new Option<int?>("--max-length")
    {
        Description = "Longest prompt with its answer, in tokens. The default is the model's context",
    }.AtLeast(1);

    private readonly Option<bool> _skipsLong = new("--skip-long") { Description = "Leaves out longer prompts instead of stopping" };
    private readonly AnswerOptions _answers = new();
    private readonly AdapterOptions _adapter = new();
    private readonly RunOptions _run = new(
        batchSize: 8, learningRate: 1e-6, warmupSteps: 0, weightDecay: 0.1, RateDecay.Cosine, choosesNoise: false);

    public static Command Create()
    {
        var options = new ReinforceCommand();
        var command = new Command("reinforce", "Trains a model on what a grader thinks of its answers")
        {
            options._model, options._data, options._grader, options._validation, options._epochs, options._maxLength, options._skipsLong,
        };
        options._answers.AddTo(command);
        options._adapter.AddTo(command);
        options._run.AddTo(command);
        command.SetAction((parse, cancellation) => Task.Run(() => options.Run(parse, cancellation), cancellation));
        return command;
    }

    private void Run(ParseResult parse, CancellationToken cancellation)
    {
        LibTorch.Load();
        string source = parse.GetRequiredValue(_model).FullName;
        var grader = ReadGrader(parse.GetRequiredValue(_grader).FullName);
        var tokenizer = new LLaDATokenizer(source);
        var adapterOptions = _adapter.Read(parse, source, tokenizer, _run.Seed(parse));
        int numVirtual = adapterOptions?.NumVirtualTokens ?? 0;
        var config = LLaDAConfigJson.Read(Path.Combine(source, Checkpoint.ConfigFile));
        int maxLength = parse.GetValue(_maxLength) ?? config.MaxSequenceLength - numVirtual;
        var reinforcement = _answers.Read(parse, maxLength);
        if (reinforcement.Validate().FirstOrDefault() is { } error)
            throw new ArgumentException(error);
        using var training = Open(parse.GetRequiredValue(_data), _run.Seed(parse));
        using var heldOut = parse.GetValue(_validation) is { } file ? Open(file, Trainer.ValidationSeed) : null;
        int numRounds = (int)Math.Ceiling(parse.GetValue(_epochs) * training.NumRows / _run.BatchSize(parse));
        int numSteps = numRounds * reinforcement.NumIterations;
        var options = _run.Training(parse, numSteps, finalShare: 0.1, decayShare: 1) with
        {
            Beta2 = 0.99,
            MaxGradNorm = 0.2,
            Reinforcement = reinforcement,
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
            + $"{training.NumRows:N0} prompts ({training.NumSkipped} left out), {numSteps} steps");

        string folder = _run.Run(parse);
        var run = new ConsoleRun(folder, numSteps, parse.InvocationConfiguration.Output);
        var reward = new GraderReward(grader, tokenizer, reference);
        var method = new ReinforcementTraining(weights, reference, training, heldOut, reward.Of, options, tokenizer.NumTokens);
        run.Train(new Trainer(weights, method, options, folder), cancellation);
        _adapter.Save(parse, network, adapter, source, _run.Output(parse), run);

        PromptData Open(FileInfo file, long seed)
        {
            var data = new PromptData(file.FullName, tokenizer, new FineTuningOptions
            {
                MaxLength = maxLength,
                LongExamples = parse.GetValue(_skipsLong) ? LongExamples.Skip : LongExamples.Fail,
                Seed = seed,
            }, reinforcement.MaxAnswerTokens);
            string[] faults = [.. data.Lines.Select(line => (line.Number, Fault: grader.Fault(line.Text)))
                .Where(line => line.Fault is not null).Take(MaxFaults).Select(line => $"line {line.Number}: {line.Fault}")];
            if (faults.Length == 0)
                return data;
            data.Dispose();
            throw new TrainingDataException(file.FullName, faults);
        }
    }

    private static Grader ReadGrader(string path)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(path));
            return Grader.Read(new JsonReader(
                json.RootElement.Clone(), (message, _, _) => new InvalidDataException($"{path}: {message}")));
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException($"{path} is not valid JSON: {exception.Message}", exception);
        }
    }
}
