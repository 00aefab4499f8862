using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>Chooses a token for every candidate position, and computes its probability.</summary>
internal static class TokenChoice
{
    /// <summary>
    /// Rows drawn at a time: a draw takes up to 80 bytes a logit, in float64 and sorted, so the memory of all rows at once would be
    /// large.
    /// </summary>
    private const int RowsAtOnce = 64;

    /// <summary>
    /// Draws from softmax(logits / temperature) within the nucleus; at temperature 0 takes the largest logit, the lowest id among equals.
    /// </summary>
    /// <remarks>
    /// Uses the inverse of the cumulative distribution in float64 and one uniform number a position. The distribution is that of the
    /// reference's
    /// Gumbel-max in float64, which needs V numbers.
    /// </remarks>
    /// <param name="logits">[N, V], float32.</param>
    /// <param name="options">By candidate.</param>
    /// <param name="draws">[N], in (0, 1), used where the temperature is above 0.</param>
    /// <returns>[N], int64.</returns>
    public static Tensor Choose(Tensor logits, IReadOnlyList<SamplingOptions> options, double[] draws)
    {
        using var scope = NewDisposeScope();
        var tokens = logits.argmax(-1);                                                                          // [N]
        DrawWhere(option => option is { Temperature: > 0, TopP: 1 }, (probabilities, _, uniform) => Draw(probabilities, uniform));
        DrawWhere(option => option is { Temperature: > 0, TopP: < 1 }, DrawFromNucleus);
        return tokens.MoveToOuterDisposeScope();

        // The options of each candidate decide between the two: the same uniform number gives different tokens in them.
        void DrawWhere(Func<SamplingOptions, bool> isDrawn, Func<Tensor, Tensor, Tensor, Tensor> draw)
        {
            var drawn = options.Index().Where(entry => isDrawn(entry.Item)).Select(entry => (long)entry.Index);
            foreach (long[] rows in drawn.Chunk(RowsAtOnce))
                DrawRows(rows, draw);
        }

        void DrawRows(long[] drawn, Func<Tensor, Tensor, Tensor, Tensor> draw)
        {
            using var temporaries = NewDisposeScope();
            var device = logits.device;
            var temperatures = PinnedUpload.To(device, [.. drawn.Select(row => options[(int)row].Temperature)]).unsqueeze(1);
            var topP = PinnedUpload.To(device, [.. drawn.Select(row => options[(int)row].TopP)]).unsqueeze(1);
            var uniform = PinnedUpload.To(device, [.. drawn.Select(row => draws[row])]).unsqueeze(1);             // [n, 1]
            var rows = PinnedUpload.To(device, drawn);
            var probabilities = softmax(logits.index_select(0, rows).to(ScalarType.Float64) / temperatures, -1); // [n, V]
            tokens.index_copy_(0, rows, draw(probabilities, topP, uniform));
        }
    }

    /// <summary>log softmax(logits) at the chosen tokens.</summary>
    /// <remarks>
    /// Not by logsumexp, which sums a single row of a large vocabulary in parallel parts and so rounds it differently from the same row
    /// among others.
    /// </remarks>
    /// <param name="logits">[N, V], float32.</param>
    /// <param name="tokens">[N].</param>
    /// <returns>[N], float32.</returns>
    public static Tensor LogProbability(Tensor logits, Tensor tokens)
    {
        using var scope = NewDisposeScope();
        return nn.functional.log_softmax(logits, -1).gather(1, tokens.unsqueeze(1)).squeeze(1).MoveToOuterDisposeScope();
    }

    private static Tensor Draw(Tensor probabilities, Tensor uniform)
    {
        var cumulative = probabilities.cumsum(-1);
        var mass = cumulative.narrow(1, cumulative.shape[1] - 1, 1);
        return FirstNotBelow(cumulative, uniform * mass);
    }

    private static Tensor DrawFromNucleus(Tensor probabilities, Tensor topP, Tensor uniform)
    {
        var (sorted, ids) = probabilities.sort(-1, descending: true, stable: true);
        var cumulative = sorted.cumsum(-1);
        var last = FirstNotBelow(cumulative, minimum(topP, cumulative.narrow(1, cumulative.shape[1] - 1, 1))).unsqueeze(1);
        var chosen = FirstNotBelow(cumulative, uniform * cumulative.gather(1, last));
        return ids.gather(1, chosen.unsqueeze(1)).squeeze(1);
    }

    /// <returns>[n]: the first index whose cumulative mass reaches the threshold; never a token of probability 0.</returns>
    private static Tensor FirstNotBelow(Tensor cumulative, Tensor threshold)
    {
        using var last = (cumulative.shape[1] - 1).ToScalar();
        return (cumulative < threshold).to(ScalarType.Int64).sum(-1).clamp_max(last);
    }
}
