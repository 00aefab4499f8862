using LLaDA.Diffusion.Native;

namespace LLaDA.Diffusion.Training.Optimizers;

/// <summary>The text optimizer.torchscript.</summary>
internal static class OptimizerScript
{
    private static readonly Lazy<TorchScript> s_script = new(() => TorchScript.OfUpdates("optimizer.torchscript"));

    public static TorchScript Instance => s_script.Value;
}
