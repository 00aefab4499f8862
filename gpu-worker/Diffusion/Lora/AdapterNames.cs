using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Lora;

/// <summary>The names of an adapter's tensors and modules in PEFT's layout.</summary>
internal static class AdapterNames
{
    /// <summary>The modules of the reference that a projection is: one, or one for each expert.</summary>
    /// <param name="projection">Path in <see cref="MaskPredictor"/>.</param>
    /// <param name="shape">Of its weight.</param>
    public static IEnumerable<string> Modules(TensorNaming naming, string projection, long[] shape)
    {
        const string weight = ".weight";
        string module = TensorNames.OfModule(naming, projection);
        return shape.Length == 2
            ? [module]
            : Enumerable.Range(0, (int)shape[0]).Select(expert => TensorNames.OfExpert(module, expert)[..^weight.Length]);
    }

    /// <summary>Matrix A or B beside each of the modules.</summary>
    public static string[] Of(TensorNaming naming, string projection, long[] shape, char matrix) =>
        [.. Modules(naming, projection, shape).Select(module => $"base_model.model.{module}.lora_{matrix}.weight")];
}
