using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>sigmoid(x) = 1 / (1 + exp(-x)) and silu(x) = x sigmoid(x), [...].</summary>
/// <remarks>
/// On a CPU, libtorch rounds its own otherwise at the end of a tensor, and at the end of each thread's chunk of a large one, so a row's
/// bits would depend on the rows beside it. Its exp and its quotients have the same bits everywhere, so prediction is computed from them,
/// which is slower. With a gradient libtorch's own are taken, and its silu where rows are so long that every chunk is
/// whole vectors (<see cref="IsWhole"/>).
/// </remarks>
internal static class Logistic
{
    [ThreadStatic]
    private static bool t_isRecomputed;

    /// <returns>In the type of x.</returns>
    public static Tensor Silu(Tensor x) => IsLibTorchs(x) || IsWhole(x.shape[^1]) ? nn.functional.silu(x) : Divided(x, x);

    /// <inheritdoc cref="Silu"/>
    public static Tensor Sigmoid(Tensor x) => IsLibTorchs(x) ? x.sigmoid() : Divided(null, x);

    /// <summary>
    /// Whether rows of this length end with a whole vector in every chunk, however many there are: libtorch divides a tensor evenly among
    /// all of its threads or fewer, and takes two vectors at a time.
    /// </summary>
    /// <param name="width">Numbers of a row.</param>
    public static bool IsWhole(long width)
    {
        for (int numChunks = get_num_threads(); numChunks > 0; numChunks--)
        {
            if (width % (RowMultiple.NumbersOfTwoVectors * numChunks) != 0)
                return false;
        }
        return true;
    }

    /// <summary>Whether the pass of this thread is made once more with a gradient.</summary>
    public static bool IsRecomputed => t_isRecomputed;

    /// <summary>A pass of this thread without gradient that is made once more with it, as activation checkpointing does.</summary>
    /// <returns>Dispose it at the end of the pass.</returns>
    public static IDisposable Recomputed() => new RecomputedPass();

    private static bool IsLibTorchs(Tensor x) => x.device_type != DeviceType.CPU || is_grad_enabled() || t_isRecomputed;

    /// <summary>numerator / (1 + exp(-x)), in float32.</summary>
    /// <param name="numerator">Null for 1.</param>
    private static Tensor Divided(Tensor? numerator, Tensor x)
    {
        using var scope = NewDisposeScope();
        var denominator = x.to(ScalarType.Float32).neg().exp_().add_(StaticScalars.One, StaticScalars.One);
        var quotient = numerator is null ? denominator.reciprocal_() : numerator.to(ScalarType.Float32).div(denominator);
        return quotient.to(x.dtype).MoveToOuterDisposeScope();
    }

    private sealed class RecomputedPass : IDisposable
    {
        public RecomputedPass() => t_isRecomputed = true;

        public void Dispose() => t_isRecomputed = false;
    }
}
