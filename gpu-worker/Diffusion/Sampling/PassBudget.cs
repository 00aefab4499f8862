using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>The number of tokens that may share a forward pass, from the model's sizes and the free memory.</summary>
public static class PassBudget
{
    /// <summary>A pass of more tokens gains nothing on a CPU, and rows wait longer for their turn.</summary>
    public const int MaxTokensOnCpu = 2048;

    private const int Full = 4;

    /// <summary>Bytes of one token at the peak of a denoising step: activations, and cached keys and values.</summary>
    /// <param name="computeType">The type of the matrix products and of the cache.</param>
    public static long BytesPerToken(LLaDAConfig config, ScalarType computeType)
    {
        int half = SizeOf(computeType);
        long keyValueWidth = (long)config.NumKeyValueHeads * config.HeadWidth;
        long block = (config.ModelWidth * 4L * Full)
            + ((config.QueryWidth + keyValueWidth) * 2L * (half + Full))
            + (config.ActiveFeedForwardWidth * 3L * half)
            // Each chosen expert's input and output.
            + ((config.Experts?.NumChosen ?? 0) * 2L * config.ModelWidth * half);
        return block + KeptBytesPerToken(config, computeType);
    }

    /// <summary>Bytes of one place whose logits exist.</summary>
    /// <param name="computeType">The type of the matrix products.</param>
    public static long BytesPerPlace(LLaDAConfig config, ScalarType computeType)
    {
        const int twice = 8;
        // Logits, their float32 and softmax, and room for guidance, deferred ends and the few draws at a time.
        return config.EmbeddingSize * (long)(SizeOf(computeType) + Full + Full + (3 * twice));
    }

    /// <summary>Memory of a kept token's keys and values as a share of that of a token that passes, in (0, 1).</summary>
    public static double KeptShare(LLaDAConfig config, ScalarType computeType) =>
        (double)KeptBytesPerToken(config, computeType) / BytesPerToken(config, computeType);

    /// <summary>Tokens whose pass fits, all of them predicted, a piece at a time (<see cref="HeadPieces"/>).</summary>
    /// <param name="freeBytes">Memory that the model's weights leave free.</param>
    public static int FittingTokens(LLaDAConfig config, ScalarType computeType, long freeBytes)
    {
        long ofToken = BytesPerToken(config, computeType), ofPlace = BytesPerPlace(config, computeType);
        int piece = HeadPieces.Size(config);
        long beside = (freeBytes - (piece * ofPlace)) / ofToken;
        return (int)Math.Min(int.MaxValue, beside >= piece ? beside : freeBytes / (ofToken + ofPlace));
    }

    /// <summary>
    /// What a row of the whole context counts as in its largest pass, without guidance: its tokens and, where blocks are kept, the keys and
    /// values of all of them.
    /// </summary>
    public static long TokensOfLongestRow(LLaDAConfig config, ScalarType computeType) => config.MaxSequenceLength
        + (config.Family.IsBlockCausal ? (long)Math.Ceiling(config.MaxSequenceLength * KeptShare(config, computeType)) : 0);

    /// <summary>Tokens that the worker plans a pass with.</summary>
    /// <param name="freeBytes">Memory that the model's weights leave free.</param>
    /// <returns>
    /// At least 1 and never more than fit. Where a row of the whole context fits, at least that row, so that it shares a pass. A longer row
    /// passes alone, and fails with the error of the device where it does not fit.
    /// </returns>
    public static int MaxTokens(LLaDAConfig config, ScalarType computeType, Device device, long freeBytes)
    {
        long wanted = device.type == TorchSharp.DeviceType.CPU
            ? Math.Max(MaxTokensOnCpu, TokensOfLongestRow(config, computeType))
            : int.MaxValue;
        return (int)Math.Max(1, Math.Min(FittingTokens(config, computeType, freeBytes), wanted));
    }

    private static long KeptBytesPerToken(LLaDAConfig config, ScalarType computeType) =>
        config.NumLayers * 2L * config.NumKeyValueHeads * config.HeadWidth * SizeOf(computeType);

    private static int SizeOf(ScalarType type) => type == ScalarType.Float32 ? Full : 2;
}
