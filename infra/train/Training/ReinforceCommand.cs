using System.CommandLine;
using System.Text.Json;
using LLaDA.Batch.Shared.Grading;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Training;
using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reinforcement;

namespace LLaDA.Batch.Train.Training;

/// <summary>Trains a model on rewards of its own answers (ESPO), or resumes from the run's last checkpoint.</summary>
internal sealed class ReinforceCommand
{
    private const int MaxFaults = 20;

    private readonly TuningOptions _tuning = new(
        new RunOptions(
            batchSize: 8, learningRate: 1e-6, warmupSteps: 0, weightDecay: 0.1, RateDecay.Cosine, beta2: 0.99, choosesNoise: false),
        examples: "prompts",
        data: "JSON Lines of {\"messages\"} that end with a question, or of {\"prompt\"}, with what the grader uses of a line",
        longest: "Longest prompt with its answer",
        epochs: 1,
        hasReference: true);

    private readonly Option<FileInfo> _grader = new("--grader")
    {
        Description = "JSON of the grader that judges answers: string_check, text_similarity, likelihood or multi",
        Required = true,
    };

    private readonly AnswerOptions _answers = new();

    public static Command Create()
    {
        var options = new ReinforceCommand();
        var command = new Command("reinforce", "Trains a model on what a grader thinks of its answers");
        options._tuning.AddTo(command, [options._grader, .. options._answers.All]);
        command.SetAction((parse, cancellation) => Task.Run(() => options.Run(parse, cancellation), cancellation));
        return command;
    }

    private void Run(ParseResult parse, CancellationToken cancellation)
    {
        var grader = ReadGrader(parse.GetRequiredValue(_grader).FullName);
        var tuning = new Tuning(parse, _tuning);
        var reinforcement = _answers.Read(parse, tuning.MaxLength);
        if (reinforcement.Validate().FirstOrDefault() is { } error)
            throw new ArgumentException(error);
        using var data = tuning.Open((path, examples) =>
            Judged(path, new PromptData(path, tuning.Tokenizer, examples, reinforcement.MaxAnswerTokens), grader));
        int numSteps = tuning.NumBatches(data.Training) * reinforcement.NumIterations;
        var options = _tuning.Run.Training(parse, numSteps, finalShare: 0.1, decayShare: 1) with
        {
            MaxGradNorm = 0.2,
            Reinforcement = reinforcement,
        };
        using var model = tuning.Load(data.Training, options);
        using var reference = model.NewReference();
        var reward = new GraderReward(grader, tuning.Tokenizer, reference);
        var method = new ReinforcementTraining(
            model.Weights, reference, data.Training, data.HeldOut, reward.Of, options, tuning.Tokenizer.NumTokens);
        tuning.Train(model, method, options, cancellation);
    }

    /// <returns>The same prompts, which the grader can judge answers to.</returns>
    /// <exception cref="TrainingDataException">It cannot judge answers to some.</exception>
    private static PromptData Judged(string path, PromptData prompts, Grader grader)
    {
        string[] faults = [.. prompts.Lines.Select(line => (line.Number, Fault: grader.Fault(line.Text)))
            .Where(line => line.Fault is not null).Take(MaxFaults).Select(line => $"line {line.Number}: {line.Fault}")];
        if (faults.Length == 0)
            return prompts;
        prompts.Dispose();
        throw new TrainingDataException(path, faults);
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
