using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Sampling;

/// <summary>What the denoising of a canvas takes at most. Caches, thresholds and ends of text only lessen it.</summary>
public static class SamplingSize
{
    /// <summary>Tokens times forward passes, the unconditional halves of guidance included.</summary>
    /// <param name="numTokens">Of the row, without virtual tokens, which are counted here.</param>
    /// <param name="numMasks">Targets to fill, 0 or more.</param>
    public static long TokenForwards(int numTokens, int numMasks, SamplingOptions options, LLaDAConfig config)
    {
        numTokens += config.NumVirtualTokens;
        int halves = options.CfgScale > 0 ? 2 : 1;
        if (config.Family.IsBlockCausal)
            return halves * OfBlocks(numTokens, numMasks, options, config);
        long steps = options.IsTimed
            ? options.Steps ?? Math.Min(numMasks, SamplingOptions.MaxSteps)
            : TransferSchedule.MaxSteps(numMasks, options.BlockLength, options.Steps);
        return halves * numTokens * steps;
    }

    /// <summary>Each block passes in its steps and once more for its keys and values; everything before the first passes once.</summary>
    private static long OfBlocks(int numTokens, int numMasks, SamplingOptions options, LLaDAConfig config)
    {
        long length = options.BlockLength ?? config.BlockLength ?? numTokens;
        long padded = (numTokens + length - 1) / length * length;
        long numBlocks = Math.Min(numMasks, padded / length);
        long steps = Math.Min(length, options.Steps ?? length);
        if (options.EditingThreshold is not null)
            steps += 1 + (options.MaxPostSteps ?? SamplingOptions.DefaultMaxPostSteps);
        return padded + (numBlocks * length * (steps + 1));
    }
}
