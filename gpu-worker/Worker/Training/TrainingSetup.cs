using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Grading;
using LLaDA.Diffusion.Training;

namespace LLaDA.Batch.Worker.Training;

/// <summary>A run's input with its recipe.</summary>
/// <param name="Adapter">Null to train all weights.</param>
internal sealed record TrainingSetup(TrainingInput Input, TrainingOptions Options, IAdapterOptions? Adapter)
{
    /// <summary>Judges the answers of a job of reinforcement; null for others.</summary>
    public Grader? Grader { get; private init; }

    /// <summary>Folder with the tokenizer that a whole model needs besides its weights; null for an adapter.</summary>
    public string? TokenizerFolder => Adapter is null ? Input.Model.Weights : null;

    public static TrainingSetup Of(FineTuningJobRecord job, TrainingInput input)
    {
        var from = input.From;
        string baseModel = from.BaseModel.Length > 0 ? from.BaseModel : from.Id;
        var adapter = TrainingRecipe.Adapter(job, baseModel, input.Model.Weights);
        return new TrainingSetup(input, TrainingRecipe.Options(job, input.Data.Training.NumRows), adapter)
        {
            Grader = job.Reinforcement is { } settings ? ReinforcementSettings.Parse(settings).ReadGrader() : null,
        };
    }
}
