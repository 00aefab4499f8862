using System.CommandLine;
using LLaDA.Batch.Train.Terminal;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Preferences;

namespace LLaDA.Batch.Train.Training;

/// <summary>Trains a model on preferences against what it is (VRPO), or resumes from the run's last checkpoint.</summary>
internal sealed class DpoCommand
{
    private static readonly PreferenceOptions s_published = new();

    private readonly TuningOptions _tuning = new(
        new RunOptions(batchSize: 64, learningRate: 5e-7, warmupSteps: 15, weightDecay: 0.01, RateDecay.Cosine, choosesNoise: false),
        examples: "pairs",
        data: "JSON Lines of {\"input\": {\"messages\"}, \"preferred_output\", \"non_preferred_output\"}",
        longest: "Longest question with an answer",
        epochs: 1,
        hasReference: true);

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

    public static Command Create()
    {
        var options = new DpoCommand();
        var command = new Command("dpo", "Trains a model on preferences");
        options._tuning.AddTo(command, options._beta, options._samples, options._sftWeight, options._normalizesLength);
        command.SetAction((parse, cancellation) => Task.Run(() => options.Run(parse, cancellation), cancellation));
        return command;
    }

    private void Run(ParseResult parse, CancellationToken cancellation)
    {
        var tuning = new Tuning(parse, _tuning);
        using var data = tuning.Open((path, examples) => new PreferenceData(path, tuning.Tokenizer, examples));
        var options = _tuning.Run.Training(parse, tuning.NumBatches(data.Training), finalShare: 0, decayShare: 0.9) with
        {
            Preference = new PreferenceOptions
            {
                Beta = parse.GetValue(_beta),
                NumSamples = parse.GetValue(_samples),
                SftWeight = parse.GetValue(_sftWeight),
                NormalizesLength = parse.GetValue(_normalizesLength),
            },
        };
        using var model = tuning.Load(data.Training, options);
        using var reference = model.NewReference();
        var method = new PreferenceTraining(model.Weights, reference, data.Training, data.HeldOut, options);
        tuning.Train(model, method, options, cancellation);
    }
}
