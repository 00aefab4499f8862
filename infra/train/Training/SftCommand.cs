using System.CommandLine;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training;

namespace LLaDA.Batch.Train.Training;

/// <summary>Fine-tunes a model on dialogues or on prompts with completions, or resumes from the run's last checkpoint.</summary>
internal sealed class SftCommand
{
    private const double FinalRate = 0.1, DecayShare = 0.1;

    private readonly TuningOptions _tuning = new(
        new RunOptions(batchSize: 32, learningRate: 2.5e-5, warmupSteps: 50),
        examples: "examples",
        data: "JSON Lines of {\"messages\"} or of {\"prompt\", \"completion\"}",
        longest: "Longest example",
        epochs: 3,
        hasReference: false);

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

    private readonly Option<bool> _complements = new("--complementary-masks")
    {
        Description = "Trains each example twice a step, the second time with its other tokens masked",
    };

    private readonly Option<double?> _focalGamma = new("--focal-gamma")
    {
        Description = "Focal loss: a token's cross entropy is multiplied by (1 - its probability) to this power, 0 or at least 1",
    };

    public static Command Create()
    {
        var options = new SftCommand();
        var command = new Command("sft", "Fine-tunes a model on instructions");
        options._tuning.AddTo(
            command, options._longExamples, options._reduction, options._ignoresPadding, options._masksEveryRow, options._complements,
            options._focalGamma);
        command.SetAction((parse, cancellation) => Task.Run(() => options.Run(parse, cancellation), cancellation));
        return command;
    }

    private void Run(ParseResult parse, CancellationToken cancellation)
    {
        var tuning = new Tuning(parse, _tuning);
        using var data = tuning.Open((path, examples) => new FineTuningData(path, tuning.Tokenizer, examples with
        {
            LongExamples = parse.GetValue(_longExamples),
            LearnsPadding = !parse.GetValue(_ignoresPadding) && DiffusionObjective.Of(tuning.Config).LearnsPadding,
        }));
        var options = _tuning.Run.Training(parse, tuning.NumBatches(data.Training), FinalRate, DecayShare) with
        {
            Reduction = parse.GetValue(_reduction),
            MasksEveryRow = parse.GetValue(_masksEveryRow),
            HasComplements = parse.GetValue(_complements),
            FamilyObjective = parse.GetValue(_focalGamma) is { } gamma
                ? DiffusionObjective.Of(tuning.Config) with { Focal = new FocalLoss(gamma) }
                : null,
        };
        using var model = tuning.Load(data.Training, options);
        tuning.Train(model, new Denoising(model.Weights, data.Training, data.HeldOut, options), options, cancellation);
    }
}
