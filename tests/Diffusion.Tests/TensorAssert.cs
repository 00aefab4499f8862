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

    /// <summary>
    /// As near as two ways to the same gradient come: within 2e-4 of its largest number, and within 1e-5 where it is small. In a
    /// gradient of 9, libtorch's kernels with and without AVX-512 were 8e-4 apart.
    /// </summary>
    public static void SameGradient(Tensor expected, Tensor actual, string name)
    {
        double largest = expected.abs().max().item<float>(), difference = LargestDifference(expected, actual);
        Xunit.Assert.True(difference < Math.Max(1e-5, 2e-4 * largest), $"{name}: {difference} of {largest}");
    }

    public static double LargestDifference(Tensor first, Tensor second) =>
        (first.to(ScalarType.Float64) - second.to(ScalarType.Float64)).abs().max().item<double>();
}
