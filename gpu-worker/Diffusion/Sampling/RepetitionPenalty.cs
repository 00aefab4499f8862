using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>
/// Frequency and presence penalties of parallel decoding: logits of a position less frequency * c(v) + presence * [c(v) > 0], where c(v)
/// counts the row's other generated positions that hold token v when a step begins.
/// </summary>
/// <remarks>
/// Tokens that one step commits do not count for each other. Ends of text and of turn never count: a canvas has many of them behind its
/// end.
/// </remarks>
internal static class RepetitionPenalty
{
    /// <param name="permitted">[N, V], float32.</param>
    /// <returns>What tokens are chosen from: the same tensor where no row has a penalty.</returns>
    public static Tensor Apply(Tensor permitted, IReadOnlyList<RowPart> parts)
    {
        if (!parts.Any(part => part.Row.Options.PenalizesRepetition))
            return permitted;
        var penalized = permitted.clone();
        int start = 0;
        foreach (var part in parts)
        {
            if (part.Row.Options.PenalizesRepetition)
                Lower(penalized.narrow(0, start, part.Count), part);
            start += part.Count;
        }
        return penalized;
    }

    /// <param name="logits">[n, V], of the candidates; changed in place.</param>
    private static void Lower(Tensor logits, RowPart part)
    {
        var row = part.Row;
        var counts = row.CountGenerated();
        long[] tokens = [.. counts.Keys.Where(token => token < logits.shape[1]).Order().Select(token => (long)token)];
        if (tokens.Length == 0)
            return;
        float[] penalties = [.. tokens.Select(token => Of(row.Options, counts[(int)token]))];
        var ids = PinnedUpload.To(logits.device, tokens);
        // A committed token that may be replaced is no repetition of itself.
        (int Index, int Token)[] own = [.. part.Positions.Index()
            .Select(candidate => (candidate.Index, Token: row.Canvas[candidate.Item]))
            .Where(entry => entry.Token < logits.shape[1] && counts.ContainsKey(entry.Token))];
        var kept = own.Length == 0 ? null : OwnLogits(logits, own, row.Options, counts);
        logits.index_copy_(1, ids, logits.index_select(1, ids) - PinnedUpload.To(logits.device, penalties));
        if (kept is not null)
            logits.index_put_(kept, Indices(logits, own));
    }

    /// <summary>The logits of committed tokens at their own positions, less what their other occurrences cost.</summary>
    private static Tensor OwnLogits(
        Tensor logits, (int Index, int Token)[] own, SamplingOptions options, IReadOnlyDictionary<int, int> counts)
    {
        float[] penalties = [.. own.Select(entry => Of(options, counts[entry.Token] - 1))];
        return logits.index(Indices(logits, own)) - PinnedUpload.To(logits.device, penalties);
    }

    private static TensorIndex[] Indices(Tensor logits, (int Index, int Token)[] own) =>
    [
        TensorIndex.Tensor(PinnedUpload.To(logits.device, [.. own.Select(entry => (long)entry.Index)])),
        TensorIndex.Tensor(PinnedUpload.To(logits.device, [.. own.Select(entry => (long)entry.Token)])),
    ];

    private static float Of(SamplingOptions options, int count) =>
        (float)((options.FrequencyPenalty * count) + (count > 0 ? options.PresencePenalty : 0));
}
