using System.Diagnostics;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Training;

/// <summary>How fast a device multiplies matrices, and how much of that a training step asks for.</summary>
public static class MatmulThroughput
{
    private const int Repeats = 5;

    /// <summary>The best of a few products of two square matrices, measured in some milliseconds. Draws no random numbers.</summary>
    /// <returns>Floating-point operations a second.</returns>
    public static double Measure(Device device, ScalarType type)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        long size = device.type == TorchSharp.DeviceType.CPU ? 512 : 4096;
        var matrix = ones([size, size], type, device);
        double best = double.MaxValue;
        for (int repeat = 0; repeat < Repeats; repeat++)
        {
            using var repeatScope = NewDisposeScope();
            long started = Stopwatch.GetTimestamp();
            matmul(matrix, matrix).narrow(0, 0, 1).cpu();      // Waits for the device.
            best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }
        return 2.0 * size * size * size / best;
    }

    /// <summary>
    /// Operations of the products and of attention that a full training asks for, forward and backward; what is computed a second time to
    /// save memory is not counted.
    /// </summary>
    public static double FlopsOf(LLaDAConfig config, NoisedBatch batch)
    {
        double tokens = (double)batch.BatchSize * batch.PassLength, width = config.ModelWidth, queryWidth = config.QueryWidth;
        double products = 2 * tokens * config.NumActiveNonEmbeddingParameters;
        double attention = 4 * tokens * batch.PassLength * queryWidth * config.NumLayers;
        double head = 2.0 * batch.Masked.Count * width * config.EmbeddingSize;
        return 3 * (products + attention + head);
    }
}
