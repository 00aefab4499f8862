using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Infilling;

/// <summary>
/// Finds how many tokens a gap needs, by the model's own scores: each candidate length passes once, its gap masked together with the text
/// right behind it, and the length with the largest score wins: log p(text behind) + <see cref="FillWeight"/> * log p(likeliest fill).
/// </summary>
/// <remarks>
/// Searches may run at once; those beyond <see cref="MaxSearches"/> wait, so that memory holds the canvases of only some of them.
/// </remarks>
/// <param name="sample">Samples the candidate rows of one gap.</param>
public sealed class LengthSearch(RowSampling sample) : IDisposable
{
    /// <summary>Gaps searched at once: enough to fill a pass.</summary>
    public const int MaxSearches = 64;

    /// <summary>Tokens behind the gap that are scored with it: a fill of the wrong length makes them improbable.</summary>
    public const int NumForcedBehind = 4;

    /// <summary>
    /// What the likeliest fill counts beside the text behind. The masks of a fill do not know of one another, so the product of their
    /// probabilities falls too fast with the length, and counted in full it would favour short gaps.
    /// </summary>
    public const double FillWeight = 0.15;

    private const int MinSeen = 24, MaxSeen = 128;
    private const int EveryLengthTo = 8;
    private const double Growth = 1.25;

    private readonly SemaphoreSlim _searches = new(MaxSearches);

    /// <param name="bound">The largest length, at least 1.</param>
    /// <param name="candidateRow">Makes the row that tries a length.</param>
    /// <returns>A length in [1, bound].</returns>
    public async Task<int> FindAsync(int bound, Func<int, SamplingRow> candidateRow, CancellationToken cancellation)
    {
        int[] lengths = [.. Candidates(bound)];
        if (lengths.Length == 1)
            return lengths[0];
        return await InTurnAsync(async () =>
        {
            SamplingRow[] rows = [.. lengths.Select(candidateRow)];
            return lengths[Best(rows, await sample(rows))];
        }, cancellation);
    }

    /// <summary>Runs another search as one of the <see cref="MaxSearches"/>.</summary>
    internal async Task<T> InTurnAsync<T>(Func<Task<T>> search, CancellationToken cancellation)
    {
        await _searches.WaitAsync(cancellation);
        try
        {
            return await search();
        }
        finally
        {
            _searches.Release();
        }
    }

    public void Dispose() => _searches.Dispose();

    /// <summary>Every length up to eight, and from there on steps of a quarter.</summary>
    /// <param name="bound">The largest, at least 1.</param>
    public static IEnumerable<int> Candidates(int bound)
    {
        int last = 0;
        for (double next = 1; last < bound; next = last < EveryLengthTo ? last + 1 : Math.Ceiling(last * Growth))
        {
            last = (int)Math.Min(next, bound);
            yield return last;
        }
    }

    /// <summary>The tokens around a gap that a search sees, those nearest to it: half of them, and at least 24 and at most 128.</summary>
    /// <param name="around">Tokens around the gap.</param>
    public static int NumSeen(int around) => Math.Min(around, Math.Clamp(around / 2, MinSeen, MaxSeen));

    /// <summary>A row that tries a length, in one step.</summary>
    /// <param name="before">Tokens before the gap.</param>
    /// <param name="behind">Tokens behind it. Of both, the <see cref="NumSeen"/> nearest tokens are in the row.</param>
    /// <param name="context">The longest canvas, in tokens.</param>
    /// <param name="forbidden">Tokens that never fill the gap; null for none.</param>
    /// <param name="forbiddenAt">The same by place in the gap.</param>
    public static SamplingRow CandidateRow(
        ReadOnlySpan<int> before,
        int length,
        ReadOnlySpan<int> behind,
        int maskTokenId,
        int context,
        TokenSet? forbidden,
        IReadOnlyList<TokenSet>? forbiddenAt = null)
    {
        int numTokens = Math.Min(context, length + NumSeen(before.Length + behind.Length));
        var (numBefore, numBehind) = Surroundings.Of(before.Length, length, behind.Length, numTokens);
        int[] canvas = [.. before[^numBefore..], .. Enumerable.Repeat(maskTokenId, length), .. behind[..numBehind]];

        Dictionary<int, int> forced = [];
        int end = Math.Min(canvas.Length, numBefore + length + NumForcedBehind);
        for (int position = numBefore + length; position < end && canvas[position] != maskTokenId; position++)
        {
            forced[position] = canvas[position];
            canvas[position] = maskTokenId;
        }
        int[] targets = [.. Enumerable.Range(numBefore, length + forced.Count)];
        return new SamplingRow(canvas, new SamplingOptions { Steps = 1, Forbidden = forbidden }, targets)
        {
            ForcedTokens = forced,
            ForbiddenAt = forbiddenAt?.Index().ToDictionary(entry => numBefore + entry.Index, entry => entry.Item),
        };
    }

    /// <summary>The index of the candidate with the largest score, the first one among equals.</summary>
    internal static int Best(IReadOnlyList<SamplingRow> rows, IReadOnlyList<SampledRow> sampled)
    {
        double[] scores = [.. rows.Zip(sampled, Score)];
        return Array.IndexOf(scores, scores.Max());
    }

    private static double Score(SamplingRow row, SampledRow sampled) => row.Targets!.Sum(target =>
        (row.ForcedTokens!.ContainsKey(target) ? 1 : FillWeight) * Math.Log(sampled.Confidence[target]));
}
