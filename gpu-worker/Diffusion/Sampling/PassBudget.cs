using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>How many tokens may share a forward pass, from the model's sizes and the memory that it may take.</summary>
public static class PassBudget
{
    /// <summary>Beyond this many tokens a pass on a CPU gains nothing, and rows wait longer for their turn.</summary>
    public const int MaxTokensOnCpu = 2048;

    /// <summary>Memory of one token at the peak of a denoising step, in bytes: its activations, its predictions if it is masked, its cached keys and values.</summary>
    /// <param name="computeType">Of the matrix products and the cache.</param>
    public static long BytesPerToken(LLaDAConfig config, ScalarType computeType)
    {
        const int full = 4, twice = 8;
        int half = computeType == ScalarType.Float32 ? full : 2;
        long keyValueWidth = (long)config.NumKeyValueHeads * config.HeadWidth;
        long block = (config.ModelWidth * 4L * full) + ((config.ModelWidth + keyValueWidth) * 2L * (half + full)) + (config.FeedForwardWidth * 3L * half);
        long head = config.EmbeddingSize * (long)(half + full + full + (3 * twice));      // logits, their float32 and softmax, and room for guidance, deferred ends and the few draws at a time
        long cache = config.NumLayers * 2L * keyValueWidth * half;
        return block + head + cache;
    }

    /// <param name="freeBytes">What the model's weights have left.</param>
    /// <returns>At least one canvas of full length, guided or not; where even that does not fit, the device says so.</returns>
    public static int MaxTokens(LLaDAConfig config, ScalarType computeType, Device device, long freeBytes)
    {
        long fitting = Math.Min(int.MaxValue, freeBytes / BytesPerToken(config, computeType));
        if (device.type == TorchSharp.DeviceType.CPU)
            fitting = Math.Min(fitting, MaxTokensOnCpu);
        return (int)Math.Max(fitting, config.MaxSequenceLength);
    }
}
