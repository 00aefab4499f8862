using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests;

internal static class TensorAssert
{
    /// <summary>Same shape, and nowhere further apart than the tolerance. NaN is far from everything.</summary>
    public static void Close(Tensor expected, Tensor actual, double tolerance)
    {
        Xunit.Assert.Equal(expected.shape, actual.shape);
        Xunit.Assert.InRange(LargestDifference(expected, actual), 0, tolerance);
    }

    /// <summary>Same shape and same numbers.</summary>
    public static void Equal(Tensor expected, Tensor actual) => Close(expected, actual, 0);

    public static double LargestDifference(Tensor first, Tensor second) =>
        (first.to(ScalarType.Float64) - second.to(ScalarType.Float64)).abs().max().item<double>();
}
