using TorchSharp.Modules;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training.Optimizers;

/// <summary>The gradients of parameters, all together.</summary>
internal static class Gradients
{
    public static void Clear(IEnumerable<Parameter> parameters)
    {
        foreach (var parameter in parameters)
            parameter.grad = null;
    }

    /// <summary>Their Euclidean norm, on the host. Synchronises with the device.</summary>
    public static double Norm(IReadOnlyList<Parameter> parameters)
    {
        using var scope = NewDisposeScope();
        return DeviceNorm(parameters).cpu().item<float>();
    }

    /// <returns>[1], float32, on the device of the parameters.</returns>
    public static Tensor DeviceNorm(IReadOnlyList<Parameter> parameters)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor[] gradients = [.. parameters.Select(parameter => parameter.grad).OfType<Tensor>()];
        var norm = gradients.Length == 0
            ? zeros(1, device: parameters[0].device) : OptimizerScript.Instance.Call("norm", [gradients]);
        return norm.MoveToOuterDisposeScope();
    }
}
