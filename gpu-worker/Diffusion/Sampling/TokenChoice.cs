using LLaDA.Diffusion.Native;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>How the token of a position is chosen.</summary>
/// <param name="Options">Of the row.</param>
/// <param name="Draw">In (0, 1), used where the temperature is above 0.</param>
/// <param name="Measure">What ranks the position.</param>
/// <param name="FiltersByTopPFirst">Whether top_p applies before top_k.</param>
internal readonly record struct TokenRequest(
    SamplingOptions Options,
    double Draw,
    ConfidenceMeasure Measure = ConfidenceMeasure.Probability,
    bool FiltersByTopPFirst = false)
{
    public bool IsDrawn => Options.Temperature > 0;

    /// <summary>Whether the distribution has to be computed: the model's own probability of the best token needs none.</summary>
    public bool NeedsDistribution => IsDrawn || Measure is ConfidenceMeasure.Margin or ConfidenceMeasure.NegativeEntropy;

    /// <summary>Whether a property of the distribution ranks the position, not the model's own probability of the token.</summary>
    public bool RanksByDistribution => NeedsDistribution && Measure != ConfidenceMeasure.Probability;

    public double Temperature => IsDrawn ? Options.Temperature : 1;

    public double TopP => IsDrawn ? Options.TopP : 1;

    public int? TopK => IsDrawn ? Options.TopK : null;

    public bool IsFiltered => TopP < 1 || TopK is not null;
}

/// <summary>Chooses a token for every candidate position, and computes its probability.</summary>
internal static class TokenChoice
{
    /// <summary>
    /// Rows drawn at a time: a draw takes up to 160 bytes a logit, in float64 and sorted, so the memory of all rows at once would be
    /// large.
    /// </summary>
    private const int RowsAtOnce = 32;

    /// <summary>Keeps the logarithm of an impossible token finite, as the references do.</summary>
    private const double Tiny = 1e-10;

    /// <summary>
    /// Draws from softmax(logits / temperature) within top_k and the nucleus; at temperature 0 takes the largest logit, the lowest id among
    /// equals.
    /// </summary>
    /// <remarks>
    /// Uses the inverse of the cumulative distribution, ids ascending, in float64 and one uniform number a position. The distribution is
    /// that of the reference's Gumbel-max in float64, which needs V numbers.
    /// </remarks>
    /// <param name="logits">[N, V], float32.</param>
    /// <param name="requests">By candidate.</param>
    /// <returns>
    /// Tokens, [N], int64; and what ranks them, [N], float64, 0 where the request does not need the distribution.
    /// </returns>
    public static (Tensor Tokens, Tensor Ranks) Choose(Tensor logits, IReadOnlyList<TokenRequest> requests)
    {
        using var scope = NewDisposeScope();
        var tokens = logits.argmax(-1);                                                                          // [N]
        var ranks = zeros(requests.Count, ScalarType.Float64, logits.device);
        // Filters sort, which plain draws need not pay for.
        foreach (bool isFiltered in new[] { false, true })
        {
            var chosen = requests.Index().Where(entry => entry.Item.NeedsDistribution && entry.Item.IsFiltered == isFiltered);
            foreach (var chunk in chosen.Chunk(RowsAtOnce))
                ChooseRows(logits, chunk, isFiltered, tokens, ranks);
        }
        return (tokens.MoveToOuterDisposeScope(), ranks.MoveToOuterDisposeScope());
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

    private static void ChooseRows(
        Tensor logits, (int Index, TokenRequest Item)[] chunk, bool isFiltered, Tensor tokens, Tensor ranks)
    {
        using var temporaries = NewDisposeScope();
        Tensor Column(Func<TokenRequest, double> value) =>
            PinnedUpload.To(logits.device, [.. chunk.Select(entry => value(entry.Item))]).unsqueeze(1);           // [n, 1]
        var rows = PinnedUpload.To(logits.device, [.. chunk.Select(entry => (long)entry.Index)]);
        var scaled = logits.index_select(0, rows).to(ScalarType.Float64) / Column(request => request.Temperature);
        var probabilities = softmax(scaled, -1);                                                                 // [n, V]
        if (isFiltered)
            probabilities = Filter(probabilities, chunk);
        var cumulative = probabilities.cumsum(-1);
        var mass = Last(cumulative);
        var best = tokens.index_select(0, rows).unsqueeze(1);
        var chosen = best;                                                                                       // [n, 1]
        if (Array.Exists(chunk, entry => entry.Item.IsDrawn))
        {
            var drawn = FirstNotBelow(cumulative, Column(request => request.Draw) * mass);
            chosen = where(Flags(logits.device, chunk, request => request.IsDrawn), drawn, best);
            tokens.index_copy_(0, rows, chosen.squeeze(1));
        }
        ranks.index_copy_(0, rows, Ranks(probabilities / mass, chosen, chunk));
    }

    /// <summary>Sets the probabilities of all tokens outside top_k and the nucleus to 0.</summary>
    private static Tensor Filter(Tensor probabilities, (int Index, TokenRequest Item)[] chunk)
    {
        long size = probabilities.shape[1];
        long[] lasts = [.. chunk.Select(entry => Math.Min(entry.Item.TopK ?? size, size) - 1)];
        var lastOfTopK = PinnedUpload.To(probabilities.device, lasts).unsqueeze(1);
        var topP = PinnedUpload.To(probabilities.device, [.. chunk.Select(entry => entry.Item.TopP)]).unsqueeze(1);
        var (sorted, ids) = probabilities.sort(-1, descending: true, stable: true);
        var cumulative = sorted.cumsum(-1);
        var massOfTopK = cumulative.gather(1, lastOfTopK);
        // top_p is a share of what top_k leaves, or of everything where it comes first.
        var basis = where(
            Flags(probabilities.device, chunk, request => request.FiltersByTopPFirst), Last(cumulative), massOfTopK);
        var last = minimum(FirstNotBelow(cumulative, topP * basis), lastOfTopK);
        var ones = ones_like(sorted);
        var kept = sorted * (ones.cumsum(-1) - ones <= last.to(ScalarType.Float64)).to(ScalarType.Float64);
        return zeros_like(probabilities).scatter(1, ids, kept);
    }

    /// <param name="probabilities">[n, V].</param>
    /// <param name="chosen">[n, 1].</param>
    /// <returns>[n].</returns>
    private static Tensor Ranks(Tensor probabilities, Tensor chosen, (int Index, TokenRequest Item)[] chunk)
    {
        var ranks = probabilities.gather(1, chosen);
        Overwrite(ConfidenceMeasure.Margin, () =>
        {
            var (best, _) = probabilities.topk(2, -1);
            return best.narrow(1, 0, 1) - best.narrow(1, 1, 1);
        });
        Overwrite(ConfidenceMeasure.NegativeEntropy, () =>
        {
            using var tiny = Tiny.ToScalar();
            // A running sum, because a sum of one row is split among threads and that of many is not.
            return Last((probabilities * probabilities.clamp_min(tiny).log()).cumsum(-1));
        });
        return ranks.squeeze(1);

        void Overwrite(ConfidenceMeasure measure, Func<Tensor> values)
        {
            if (Array.Exists(chunk, entry => entry.Item.Measure == measure))
                ranks = where(Flags(probabilities.device, chunk, request => request.Measure == measure), values(), ranks);
        }
    }

    /// <returns>[n, 1], bool.</returns>
    private static Tensor Flags(Device device, (int Index, TokenRequest Item)[] chunk, Func<TokenRequest, bool> flag) =>
        PinnedUpload.To(device, [.. chunk.Select(entry => flag(entry.Item))], [chunk.Length, 1]);

    private static Tensor Last(Tensor cumulative) => cumulative.narrow(1, cumulative.shape[1] - 1, 1);

    /// <returns>[n, 1]: the first index whose cumulative mass reaches the threshold; never a token of probability 0.</returns>
    private static Tensor FirstNotBelow(Tensor cumulative, Tensor threshold)
    {
        using var last = (cumulative.shape[1] - 1).ToScalar();
        return (cumulative < threshold).to(ScalarType.Int64).sum(-1, keepdim: true).clamp_max(last);
    }
}
