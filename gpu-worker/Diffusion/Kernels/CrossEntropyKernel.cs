using System.Buffers;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Kernels;

/// <summary>The cross entropy of logits, and its gradient in their place.</summary>
internal static unsafe class CrossEntropyKernel
{
    /// <summary>Replaces logits by the gradient of the weighted sum of their cross entropies, weight * (softmax - one-hot).</summary>
    /// <param name="logits">[N, V], bfloat16, contiguous, V a multiple of <see cref="Lanes.Count"/>.</param>
    /// <param name="targets">[N].</param>
    /// <param name="weights">[N].</param>
    /// <returns>The sum.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A target is not in [0, V).</exception>
    public static double ReplaceByGradient(Tensor logits, int[] targets, float[] weights)
    {
        var (numRows, width) = (logits.shape[0], (int)logits.shape[1]);
        ArgumentOutOfRangeException.ThrowIfNotEqual(targets.Length, numRows);
        ArgumentOutOfRangeException.ThrowIfNotEqual(weights.Length, numRows);
        if (Array.Find(targets, target => (uint)target >= (uint)width) is var outside and not 0)
            throw new ArgumentOutOfRangeException(nameof(targets), outside, $"A token is not among the {width} logits");
        ushort* numbers = Rows.Pointer<ushort>(logits);
        double[] losses = new double[numRows];
        Rows.ForEachPiece(numRows, (_, first, end) =>
        {
            float[] exponentials = ArrayPool<float>.Shared.Rent(width);
            fixed (float* buffer = exponentials)
            {
                for (long row = first; row < end; row++)
                    losses[row] = weights[row] * ReplaceRow(numbers + (row * width), width, targets[row], weights[row], buffer);
            }
            ArrayPool<float>.Shared.Return(exponentials);
        });
        return losses.Sum();
    }

    /// <param name="exponentials">[V], overwritten.</param>
    /// <returns>The cross entropy of the row.</returns>
    private static double ReplaceRow(ushort* row, int width, int target, float weight, float* exponentials)
    {
        var maxima = Lanes.Load(row);
        for (int i = Lanes.Count; i < width; i += Lanes.Count)
            maxima = Vector512.Max(maxima, Lanes.Load(row + i));
        float largest = float.NegativeInfinity;
        for (int lane = 0; lane < Lanes.Count; lane++)
            largest = MathF.Max(largest, maxima[lane]);

        var (shift, sums) = (Vector512.Create(largest), Vector512<float>.Zero);
        float logit = (Lanes.Load(row + (target / Lanes.Count * Lanes.Count)) - shift)[target % Lanes.Count];
        for (int i = 0; i < width; i += Lanes.Count)
        {
            var exponential = Vector512.Exp(Lanes.Load(row + i) - shift);
            exponential.Store(exponentials + i);
            sums += exponential;
        }
        float sum = Vector512.Sum(sums);
        exponentials[target] -= sum;
        var factor = Vector512.Create(weight / sum);
        for (int i = 0; i < width; i += Lanes.Count)
            Lanes.Store(row + i, Vector512.Load(exponentials + i) * factor);
        return Math.Log(sum) - logit;
    }
}
