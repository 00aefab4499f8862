using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.PromptTuning;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Adapters;

/// <summary>
/// A checkpoint with an adapter in PEFT's layout: LoRA is merged into the weights, vectors of prompt tuning stay beside them.
/// </summary>
public static class AdaptedCheckpoint
{
    /// <param name="folder">Of the checkpoint; see <see cref="Checkpoint.Load"/>, as for the other parameters.</param>
    /// <param name="adapter">Folder of the adapter; null for none.</param>
    /// <exception cref="CheckpointException">A folder does not hold what it should, or the adapter does not fit the checkpoint.</exception>
    public static MaskPredictor Load(
        string folder, string? adapter, Device? device = null,
        ScalarType weightType = ScalarType.Float32, ScalarType computeType = ScalarType.Float32)
    {
        if (adapter is null || !IsPrompt(adapter))
            return MergedCheckpoint.Load(folder, adapter, device, weightType, computeType);
        using var files = new PromptFiles(adapter);
        var model = Checkpoint.Load(folder, device, weightType, computeType);
        try
        {
            files.AddTo(model);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    private static bool IsPrompt(string adapter) =>
        ModelJson.Read(Path.Combine(adapter, PromptConfig.FileName))["peft_type"]?.ToString() == PromptConfig.PeftType;
}
