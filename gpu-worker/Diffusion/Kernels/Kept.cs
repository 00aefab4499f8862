using static TorchSharp.torch;

namespace LLaDA.Diffusion.Kernels;

/// <summary>The tensors of an autograd function, outside of dispose scopes.</summary>
/// <remarks>
/// What the backward pass reads is kept by the function's context until the pass takes it. What the pass returns libtorch copies only
/// after the call, on the thread that asked for the gradient: it stays until the next return on that thread.
/// </remarks>
internal static class Kept
{
    private const string Saved = "saved";

    [ThreadStatic]
    private static List<Tensor?>? t_returned;

    /// <summary>Whether an input needs a gradient: else nothing would free what was saved.</summary>
    public static bool IsAsked(params ReadOnlySpan<Tensor> inputs)
    {
        foreach (var input in inputs)
        {
            if (input.requires_grad)
                return is_grad_enabled();
        }
        return false;
    }

    public static void Save(autograd.AutogradContext context, params IEnumerable<Tensor> tensors) =>
        context.save_data(Saved, tensors.Select(tensor => tensor.detach().DetachFromDisposeScope()).ToArray());

    /// <returns>What was saved. The caller disposes of it.</returns>
    public static Tensor[] Take(autograd.AutogradContext context) => (Tensor[])context.get_data(Saved);

    /// <param name="gradients">One for each input, null where it has none.</param>
    public static List<Tensor> Return(params Tensor?[] gradients)
    {
        t_returned?.ForEach(tensor => tensor?.Dispose());
        t_returned = [.. gradients.Select(tensor => tensor?.DetachFromDisposeScope())];
        return t_returned!;
    }
}
