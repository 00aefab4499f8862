using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>The number of tokens that may share a forward pass, from the model's sizes and the free memory.</summary>
public static class PassBudget
{
    /// <summary>A pass of more tokens gains nothing on a CPU, and rows wait longer for their turn.</summary>
    public const int MaxTokensOnCpu = 2048;

    /// <summary>
    /// Bytes of one token at the peak of a denoising step: activations, predictions if it is masked, cached keys and values.
    /// </summary>
    /// <param name="computeType">The type of the matrix products and of the cache.</param>
    public static long BytesPerToken(LLaDAConfig config, ScalarType computeType)
    {
        const int full = 4, twice = 8;
        int half = computeType == ScalarType.Float32 ? full : 2;
        long keyValueWidth = (long)config.NumKeyValueHeads * config.HeadWidth;
        long block = (config.ModelWidth * 4L * full)
            + ((config.QueryWidth + keyValueWidth) * 2L * (half + full))
            + (config.ActiveFeedForwardWidth * 3L * half)
            // Each chosen expert's input and output.
            + ((config.Experts?.NumChosen ?? 0) * 2L * config.ModelWidth * half);
        // Logits, their float32 and softmax, and room for guidance, deferred ends and the few draws at a time.
        long head = config.EmbeddingSize * (long)(half + full + full + (3 * twice));
        return block + head + KeptBytesPerToken(config, computeType);
    }

    /// <summary>Memory of a kept token's keys and values as a share of that of a token that passes, in (0, 1).</summary>
    public static double KeptShare(LLaDAConfig config, ScalarType computeType) =>
        (double)KeptBytesPerToken(config, computeType) / BytesPerToken(config, computeType);

    private static long KeptBytesPerToken(LLaDAConfig config, ScalarType computeType) =>
        config.NumLayers * 2L * config.NumKeyValueHeads * config.HeadWidth * (computeType == ScalarType.Float32 ? 4 : 2);

    /// <param name="freeBytes">Memory that the model's weights leave free.</param>
    /// <returns>At least one canvas of full length; if even that does not fit, the pass fails with the error of the device.</returns>
    public static int MaxTokens(LLaDAConfig config, ScalarType computeType, Device device, long freeBytes)
    {
        long fitting = Math.Min(int.MaxValue, freeBytes / BytesPerToken(config, computeType));
        if (device.type == TorchSharp.DeviceType.CPU)
            fitting = Math.Min(fitting, MaxTokensOnCpu);
        return (int)Math.Max(fitting, config.MaxSequenceLength);
    }
}
