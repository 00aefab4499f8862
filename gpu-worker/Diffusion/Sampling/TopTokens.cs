using static TorchSharp.torch;

namespace LLaDA.Diffusion.Sampling;

/// <summary>The most probable tokens of every candidate of the rows that ask for them.</summary>
internal static class TopTokens
{
    /// <summary>
    /// Row by row, since rows ask for different numbers: the order of equals may depend on the number, and a row's result must not depend
    /// on its neighbours.
    /// </summary>
    /// <param name="permitted">[N, V], log-probabilities, -inf where a token may not stand.</param>
    /// <returns>Ids and log-probabilities of each such row, float64; <see cref="Read"/> knows their order.</returns>
    public static IEnumerable<Tensor> Of(Tensor permitted, IReadOnlyList<RowPart> parts)
    {
        int start = 0;
        foreach (var (row, _, count) in parts)
        {
            if (NumTop(row, permitted.shape[1]) is > 0 and var top)
            {
                var (values, ids) = permitted.narrow(0, start, count).topk(top, -1);                             // [n, k]
                yield return ids.to(ScalarType.Float64).flatten();
                yield return values.to(ScalarType.Float64).flatten();
            }
            start += count;
        }
    }

    /// <summary>Adds what the rows ask for to their predictions.</summary>
    /// <param name="values">What <see cref="Of"/> returned, end to end.</param>
    /// <param name="logProbabilities">Of the chosen tokens.</param>
    /// <param name="numTokens">V.</param>
    public static void Read(
        ReadOnlySpan<double> values,
        ReadOnlySpan<double> logProbabilities,
        IReadOnlyList<RowPart> parts,
        long numTokens,
        Prediction[] predictions)
    {
        int start = 0;
        foreach (var (row, _, count) in parts)
        {
            if (row.NumTop is not null)
            {
                int top = NumTop(row, numTokens);
                var ids = values[..(count * top)];
                var probabilities = values[(count * top)..(2 * count * top)];
                for (int index = 0; index < count; index++)
                {
                    var tokens = Possible(ids.Slice(index * top, top), probabilities.Slice(index * top, top));
                    predictions[start + index] = predictions[start + index] with
                    {
                        LogProbabilities = new TokenLogProbabilities(logProbabilities[start + index], tokens),
                    };
                }
                values = values[(2 * count * top)..];
            }
            start += count;
        }
    }

    private static TokenLogProbability[] Possible(ReadOnlySpan<double> ids, ReadOnlySpan<double> probabilities)
    {
        List<TokenLogProbability> tokens = new(ids.Length);
        for (int index = 0; index < ids.Length && double.IsFinite(probabilities[index]); index++)
            tokens.Add(new TokenLogProbability((int)ids[index], probabilities[index]));
        return [.. tokens];
    }

    private static int NumTop(DenoisingRow row, long numTokens) => (int)Math.Min(row.NumTop ?? 0, numTokens);
}
