using System.Runtime.ExceptionServices;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Kernels;

/// <summary>
/// The tensors of autograd functions on a CPU, where libtorch calls their backward pass on the thread that asks for gradients.
/// </summary>
/// <remarks>
/// What the backward pass reads is outside of dispose scopes until the pass has read it; of a graph that never runs backward it is left to
/// the garbage collector. What the pass returns libtorch copies only after the call, so it stays until <see cref="End"/>.
/// </remarks>
internal static class FunctionTensors
{
    private const string Saved = "saved";

    [ThreadStatic]
    private static Tensor?[]? t_returned;

    [ThreadStatic]
    private static ExceptionDispatchInfo? t_failure;

    /// <summary>Whether an input needs a gradient: else no backward pass would free what is saved.</summary>
    public static bool NeedGradient(params ReadOnlySpan<Tensor> inputs)
    {
        foreach (var input in inputs)
        {
            if (input.requires_grad)
                return is_grad_enabled();
        }
        return false;
    }

    /// <exception cref="Exception">As in <see cref="End"/>.</exception>
    public static void Save(autograd.AutogradContext context, params IEnumerable<Tensor> tensors)
    {
        End();
        context.set_materialize_grads(false);
        context.save_data(Saved, tensors.Select(tensor => tensor.detach().DetachFromDisposeScope()).ToArray());
    }

    /// <summary>A backward pass. An error that left the call would end the process, so it waits for <see cref="End"/>.</summary>
    /// <param name="gradient">Of the result; invalid where nothing depends on it.</param>
    /// <param name="numInputs">Arguments of the function.</param>
    /// <param name="compute">Takes the gradient, contiguous, and what was saved; returns the gradients of the first inputs.</param>
    public static List<Tensor> Backward(
        autograd.AutogradContext context, Tensor gradient, int numInputs, Func<Tensor, Tensor[], Tensor[]> compute)
    {
        Tensor?[] gradients = new Tensor?[numInputs];
        try
        {
            var saved = (Tensor[])context.get_data(Saved);
            if (!gradient.IsInvalid && t_failure is null)
            {
                using var scope = NewDisposeScope();
                Tensor[] computed = compute(gradient.contiguous(), saved);
                Array.ConvertAll(computed, tensor => tensor.DetachFromDisposeScope()).CopyTo(gradients, 0);
            }
            Array.ForEach(saved, tensor => tensor.Dispose());
            gradient.Dispose();
        }
        catch (Exception exception)
        {
            t_failure ??= ExceptionDispatchInfo.Capture(exception);
        }
        Free();
        t_returned = gradients;
        return [.. gradients.Select(tensor => tensor!)];
    }

    /// <summary>Call it after a backward pass that may run such functions; the next forward pass does so otherwise.</summary>
    /// <exception cref="Exception">The first that one of them met.</exception>
    public static void End()
    {
        Free();
        var failure = t_failure;
        t_failure = null;
        failure?.Throw();
    }

    private static void Free()
    {
        if (t_returned is not null)
            Array.ForEach(t_returned, tensor => tensor?.Dispose());
        t_returned = null;
    }
}
