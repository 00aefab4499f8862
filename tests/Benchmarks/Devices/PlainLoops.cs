using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Devices;

/// <summary>
/// Generation at temperature 0 with one token a step and blocks from left to right, as the references have it: rows of equal length, no
/// early stop.
/// </summary>
internal static class PlainLoops
{
    /// <summary>LLaDA's generate(): every step passes the whole canvas and computes all its logits.</summary>
    /// <param name="prompts">[B, P], int64.</param>
    /// <returns>[B, P + <paramref name="genLength"/>], int64.</returns>
    public static Tensor Official(PlainNetwork network, Tensor prompts, int genLength, int blockLength)
    {
        using var noGradient = no_grad();
        var x = Canvas(network, prompts, genLength);
        for (int end = (int)prompts.shape[1] + blockLength; end <= x.shape[1]; end += blockLength)
        {
            for (int step = 0; step < blockLength; step++)
            {
                using var scope = NewDisposeScope();
                Commit(network, x, network.Logits(x), end);
            }
        }
        return x;
    }

    /// <summary>
    /// Fast-dLLM's generate_with_dual_cache(): a block's first step passes the whole canvas and keeps all keys and values, and its other
    /// steps pass the block alone.
    /// </summary>
    /// <inheritdoc cref="Official"/>
    public static Tensor DualCache(PlainNetwork network, Tensor prompts, int genLength, int blockLength)
    {
        using var noGradient = no_grad();
        var x = Canvas(network, prompts, genLength);
        for (int start = (int)prompts.shape[1]; start < x.shape[1]; start += blockLength)
        {
            var block = x.narrow(1, start, blockLength);
            using var scope = NewDisposeScope();
            using var cache = new PlainCache(network, (int)x.shape[0], (int)x.shape[1]);
            Commit(network, x, network.Logits(x, 0, cache), start + blockLength);
            for (int step = 1; step < blockLength; step++)
            {
                using var ofStep = NewDisposeScope();
                Commit(network, block, network.Logits(block, start, cache), blockLength);
            }
        }
        return x;
    }

    private static Tensor Canvas(PlainNetwork network, Tensor prompts, int genLength) =>
        cat([prompts, full([prompts.shape[0], genLength], network.Config.MaskTokenId, ScalarType.Int64, network.Device)], 1);

    /// <summary>Writes, in each row, the most probable token at the masked place where it is most probable.</summary>
    /// <param name="tokens">[B, n], changed.</param>
    /// <param name="logits">[B, n, V'].</param>
    /// <param name="end">Places from here on stay as they are.</param>
    private static void Commit(PlainNetwork network, Tensor tokens, Tensor logits, int end)
    {
        var best = logits.argmax(-1);                                                                           // [B, n]
        var confidence = softmax(logits.to(ScalarType.Float32), -1).gather(-1, best.unsqueeze(-1)).squeeze(-1);
        confidence = confidence.masked_fill(tokens != network.Config.MaskTokenId, float.NegativeInfinity);
        confidence.narrow(1, end, confidence.shape[1] - end).fill_(float.NegativeInfinity);
        var chosen = confidence.argmax(-1, keepdim: true);                                                      // [B, 1]
        tokens.scatter_(1, chosen, best.gather(1, chosen));
    }
}
