using System.CommandLine;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training;
using static TorchSharp.torch;

namespace LLaDA.Batch.Train.Training;

/// <summary>
/// The work of a command that trains a model further, in this order: it opens the data, loads the weights, trains and saves the result.
/// </summary>
internal sealed class Tuning
{
    private readonly ParseResult _parse;
    private readonly TuningOptions _options;
    private readonly string _folder;
    private readonly IAdapterOptions? _adapter;

    /// <summary>Reads all of the model but its weights.</summary>
    public Tuning(ParseResult parse, TuningOptions options)
    {
        LibTorch.Load();
        (_parse, _options, _folder) = (parse, options, options.Model(parse));
        Tokenizer = new LLaDATokenizer(_folder);
        _adapter = options.Adapter.Read(parse, _folder, Tokenizer, options.Run.Seed(parse));
        Config = LLaDAConfigJson.Read(Path.Combine(_folder, Checkpoint.ConfigFile));
        MaxLength = options.MaxLength(parse) ?? Config.MaxSequenceLength - NumVirtualTokens;
    }

    public LLaDATokenizer Tokenizer { get; }

    public LLaDAConfig Config { get; }

    /// <summary>Tokens that a row may have.</summary>
    public int MaxLength { get; }

    private int NumVirtualTokens => _adapter?.NumVirtualTokens ?? 0;

    /// <summary>Opens the data and, where there is any, the held-out data.</summary>
    /// <param name="open">Opens a file.</param>
    public TuningData<TData> Open<TData>(Func<string, FineTuningOptions, TData> open)
        where TData : ExampleData
    {
        var examples = new FineTuningOptions
        {
            MaxLength = MaxLength,
            LongExamples = _options.LongExamples(_parse),
            Seed = _options.Run.Seed(_parse),
        };
        var training = open(_options.Data(_parse), examples);
        try
        {
            string? heldOut = _options.Validation(_parse);
            return new(training, heldOut is null ? null : open(heldOut, examples with { Seed = Trainer.ValidationSeed }));
        }
        catch
        {
            training.Dispose();
            throw;
        }
    }

    /// <summary>Batches that pass over the data as often as asked for.</summary>
    public int NumBatches(ExampleData training) =>
        (int)Math.Ceiling(_options.Epochs(_parse) * training.NumRows / _options.Run.BatchSize(_parse));

    /// <summary>Loads the weights.</summary>
    /// <exception cref="TrainingMemoryException">The training does not fit this machine.</exception>
    public TunedModel Load(ExampleData training, TrainingOptions options)
    {
        long numTrained = _adapter?.NumParameters(Config) ?? Config.NumParameters;
        var computeType = _options.Run.ComputeType(_parse);
        var weightType = _adapter is null ? ScalarType.Float32 : computeType;
        TrainingMemory.Require(Config, numTrained, weightType, computeType, options, NumVirtualTokens + training.MaxLength, CPU);
        var model = new TunedModel(_folder, weightType, computeType, _adapter);
        Console.WriteLine(
            $"{model.Network.Config.NumParameters:N0} parameters, {numTrained:N0} trained, {training.NumRows:N0} {_options.Examples} "
            + $"({training.NumSkipped} left out), {options.LearningRate.NumSteps} steps");
        return model;
    }

    /// <summary>Trains by a method of the model's weights, and saves the result.</summary>
    public void Train(TunedModel model, ITrainingMethod method, TrainingOptions options, CancellationToken cancellation)
    {
        string folder = _options.Run.Run(_parse), output = _options.Run.Output(_parse);
        var run = new ConsoleRun(folder, options.LearningRate.NumSteps, _parse.InvocationConfiguration.Output);
        run.Train(new Trainer(model.Weights, method, options, folder), cancellation);
        _options.Adapter.Save(_parse, model, output, run);
    }
}
