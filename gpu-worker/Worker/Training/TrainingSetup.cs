using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Training;

namespace LLaDA.Batch.Worker.Training;

/// <summary>A run's input with its recipe.</summary>
/// <param name="Lora">Null to train all weights.</param>
internal sealed record TrainingSetup(TrainingInput Input, TrainingOptions Options, LoraOptions? Lora)
{
    /// <summary>Folder with the tokenizer that a whole model needs besides its weights; null for an adapter.</summary>
    public string? TokenizerFolder => Lora is null ? Input.Model.Weights : null;

    public static TrainingSetup Of(FineTuningJobRecord job, TrainingInput input)
    {
        var from = input.From;
        var lora = TrainingRecipe.Lora(job, from.BaseModel.Length > 0 ? from.BaseModel : from.Id);
        return new TrainingSetup(input, TrainingRecipe.Options(job, input.Data.Training.NumRows), lora);
    }
}
