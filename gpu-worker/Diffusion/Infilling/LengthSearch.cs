using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Infilling;

/// <summary>
/// Finds how many tokens a gap wants, by the model's own scores: each length is tried, one token a step, together with the text right behind the gap as known tokens, and the
/// length under which both together are most probable wins.
/// </summary>
public static class LengthSearch
{
    /// <summary>Tokens behind the gap that are scored with it: a fill of the wrong length makes them improbable.</summary>
    public const int NumForcedBehind = 4;

    private const int EveryLengthTo = 8;
    private const double Growth = 1.25;

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

    /// <summary>A canvas that tries a length.</summary>
    /// <param name="before">Tokens before the gap.</param>
    /// <param name="behind">Tokens behind it.</param>
    /// <param name="context">The longest canvas; what is furthest from the gap is left out.</param>
    /// <param name="forbidden">What the gap is not filled with.</param>
    public static SamplingRow CandidateRow(ReadOnlySpan<int> before, int length, ReadOnlySpan<int> behind, int maskTokenId, int context, TokenSet? forbidden)
    {
        int room = context - length;
        int numBefore = Math.Min(before.Length, Math.Max(room / 2, room - behind.Length));
        int numBehind = Math.Min(behind.Length, room - numBefore);
        int[] canvas = [.. before[^numBefore..], .. Enumerable.Repeat(maskTokenId, length), .. behind[..numBehind]];

        Dictionary<int, int> known = [];
        for (int position = numBefore + length; position < canvas.Length && known.Count < NumForcedBehind && canvas[position] != maskTokenId; position++)
        {
            known[position] = canvas[position];
            canvas[position] = maskTokenId;
        }
        return new SamplingRow(canvas, new SamplingOptions { Forbidden = forbidden }, [.. Enumerable.Range(numBefore, length + known.Count)]) { ForcedTokens = known };
    }

    /// <summary>The length of the most probable trial, the shorter one among equals.</summary>
    /// <param name="trials">By ascending length, with what became of each.</param>
    public static int Best(IEnumerable<(int Length, SamplingRow Trial, SampledRow Sampled)> trials) =>
        trials.MaxBy(entry => entry.Trial.Targets!.Sum(target => Math.Log(entry.Sampled.Confidence[target]))).Length;
}
