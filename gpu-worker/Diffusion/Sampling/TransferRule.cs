namespace LLaDA.Diffusion.Sampling;

/// <summary>The prediction for one position.</summary>
/// <param name="Token">The chosen token.</param>
/// <param name="Probability">The model's probability of it.</param>
/// <param name="Confidence">
/// Ranks the positions: the row's <see cref="ConfidenceMeasure"/>, the probability without ends where these are deferred, or a random
/// number.
/// </param>
internal readonly record struct Prediction(int Position, int Token, double Probability, double Confidence)
{
    /// <summary>Null where the row does not ask for them.</summary>
    public TokenLogProbabilities? LogProbabilities { get; init; }
}

/// <summary>Chooses the predictions that a step commits: at least the schedule's share, and more where the model is sure.</summary>
internal static class TransferRule
{
    /// <param name="predictions">By ascending position.</param>
    /// <param name="quota">The schedule's share, at least 1.</param>
    /// <returns>At least one.</returns>
    public static IEnumerable<Prediction> Choose(IReadOnlyList<Prediction> predictions, SamplingOptions options, int quota)
    {
        if (options.Remasking == Remasking.Sequential)
            return predictions.Take(quota);
        // The sort is stable: among equals the lower position comes first.
        Prediction[] ranked = [.. predictions.OrderByDescending(prediction => prediction.Confidence)];
        if (options.Remasking == Remasking.EntropyBounded)
            return ranked.Take(NumWithin(options.EntropyBound ?? SamplingOptions.DefaultEntropyBound, ranked));
        int count = Math.Max(quota, options switch
        {
            { Threshold: { } threshold } => ranked.TakeWhile(prediction => prediction.Confidence >= threshold).Count(),
            { Factor: { } factor } => ranked.Index().TakeWhile(entry => entry.Item.Confidence >= 1 - (factor / (entry.Index + 2))).Count(),
            _ => 0,
        });
        return options.RunThreshold is { } runThreshold
            ? ranked.Take(count).Union(BestOfRuns(predictions).Where(prediction => prediction.Confidence >= runThreshold))
            : ranked.Take(count);
    }

    /// <summary>How many entropies, from the lowest, sum to less than the bound; at least 1.</summary>
    private static int NumWithin(double bound, Prediction[] ranked)
    {
        int count = 0;
        double sum = 0;
        while (count < ranked.Length && (sum -= ranked[count].Confidence) < bound)
            count++;
        return Math.Max(1, count);
    }

    /// <summary>
    /// The best prediction of each run: those of neighbouring masks depend on each other most, so only one of a run is committed.
    /// </summary>
    private static IEnumerable<Prediction> BestOfRuns(IReadOnlyList<Prediction> predictions)
    {
        for (int start = 0, end; start < predictions.Count; start = end)
        {
            var best = predictions[start];
            for (end = start + 1; end < predictions.Count && predictions[end].Position == predictions[end - 1].Position + 1; end++)
            {
                if (predictions[end].Confidence > best.Confidence)
                    best = predictions[end];
            }
            yield return best;
        }
    }
}
