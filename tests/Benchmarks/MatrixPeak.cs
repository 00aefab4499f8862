using System.Diagnostics;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks;

/// <summary>What matrix products reach on this machine.</summary>
internal static class MatrixPeak
{
    /// <returns>The best of several products of two square matrices.</returns>
    public static double FlopsPerSecond(ScalarType type = ScalarType.Float32)
    {
        const int size = 1024, repeats = 12;
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (left, right) = (rand(size, size).to(type), rand(size, size).to(type));
        double best = double.MaxValue;
        for (int repeat = 0; repeat < repeats; repeat++)
        {
            long started = Stopwatch.GetTimestamp();
            matmul(left, right).Dispose();
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        return 2.0 * size * size * size / best;
    }
}
