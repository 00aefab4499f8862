using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Matrices in 8 bits: each row, which makes one output, has a scale of its own, the largest absolute value / 127, and each weight is
/// that scale times a whole number.
/// </summary>
/// <remarks>
/// A row is its numbers and then the four bytes of its float32 scale, so rows, and experts of a stack, can be taken as of any matrix.
/// </remarks>
internal static class Int8Rows
{
    private const int ScaleBytes = 4;

    private static readonly Scalar s_largest = 127.ToScalar(), s_smallest = (-127).ToScalar();

    /// <summary>Whether this libtorch fits the script that reads them.</summary>
    public static bool AreOffered => BlockScript.Instance is not null;

    /// <param name="shape">[..., output width, input width].</param>
    /// <returns>The shape in which such a matrix is stored.</returns>
    public static long[] Stored(params long[] shape) => [.. shape[..^1], shape[^1] + ScaleBytes];

    /// <summary>The shape of the matrix itself, whether it is stored in 8 bits or as it is.</summary>
    public static long[] Shape(Tensor weight) =>
        weight.dtype == ScalarType.Int8 ? [.. weight.shape[..^1], weight.shape[^1] - ScaleBytes] : weight.shape;

    /// <summary>Rounds to the nearest of the 255 numbers of each row, of two equally near ones to the even one.</summary>
    /// <param name="matrix">[..., output width, input width], of a floating-point type.</param>
    /// <returns>[..., output width, input width + 4], int8.</returns>
    public static Tensor Quantize(Tensor matrix)
    {
        using var scope = NewDisposeScope();
        var full = matrix.to(ScalarType.Float32);
        var scale = full.abs().amax([-1], keepdim: true).div(s_largest);                      // [..., output width, 1]
        var divisor = where(scale.eq(StaticScalars.Zero), ones_like(scale), scale);
        var numbers = full.div(divisor).round().clamp(s_smallest, s_largest).to(ScalarType.Int8);
        return cat([numbers, Script.Call("bytes_of", scale)], -1).MoveToOuterDisposeScope();
    }

    /// <summary>The matrix in a type of products, whether it is stored in 8 bits or as it is.</summary>
    /// <returns>[..., output width, input width].</returns>
    public static Tensor Dense(Tensor weight, ScalarType type)
    {
        return weight.dtype == ScalarType.Int8 ? Script.Call("dense", weight, (int)type) : weight.to(type);
    }

    /// <summary>libtorch reads bytes as numbers of another type in scripts alone.</summary>
    private static TorchScript Script => BlockScript.Instance
        ?? throw new InvalidOperationException("This libtorch does not fit the script");
}
