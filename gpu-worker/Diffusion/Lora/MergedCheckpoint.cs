using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Lora;

/// <summary>A checkpoint with a LoRA adapter merged into its weights.</summary>
public static class MergedCheckpoint
{
    /// <param name="folder">Of the checkpoint; see <see cref="Checkpoint.Load"/>, as for the other parameters.</param>
    /// <param name="adapter">Folder of the adapter in PEFT's layout; null for none.</param>
    /// <exception cref="CheckpointException">A folder does not hold what it should, or the adapter does not fit the checkpoint.</exception>
    public static MaskPredictor Load(
        string folder, string? adapter, Device? device = null,
        ScalarType weightType = ScalarType.Float32, ScalarType computeType = ScalarType.Float32)
    {
        using var files = adapter is null ? null : new AdapterFiles(adapter);
        bool isInt8 = weightType == ScalarType.Int8;
        var model = Checkpoint.LoadChanged(
            folder, device, weightType, computeType, isInt8 && files is not null ? files.ChangeOf : null);
        try
        {
            if (!isInt8)
                files?.MergeInto(model);
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }
}
