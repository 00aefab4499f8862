namespace LLaDA.Batch.Shared.Batches;

/// <summary>
/// The work of a line: the tokens that pass through the network for it, at most. Caches, thresholds and ends of text only lessen it. The
/// plan knows the sizes by estimate, the worker exactly.
/// </summary>
/// <param name="CanvasTokens">Tokens of its longest canvas.</param>
/// <param name="TokenForwards">Tokens times forward passes, the unconditional halves of guidance included.</param>
public readonly record struct LineWork(int CanvasTokens, long TokenForwards)
{
    private const int MinSeen = 24, MaxSeen = 128;
    private const int EveryLengthTo = 8;
    private const double Growth = 1.25;

    /// <summary>The canvas is the longer one, and the passes add up.</summary>
    public static LineWork operator +(LineWork left, LineWork right) => left.Add(right);

    public LineWork Add(LineWork other) =>
        new(Math.Max(CanvasTokens, other.CanvasTokens), Saturated((double)TokenForwards + other.TokenForwards));

    /// <summary>The same canvas several times.</summary>
    public LineWork Times(int count) => this with { TokenForwards = Saturated((double)TokenForwards * count) };

    /// <summary>The denoising of a canvas.</summary>
    public static LineWork OfCanvas(int tokens, long passes, bool isGuided) =>
        new(tokens, Saturated((double)tokens * passes * (isGuided ? 2 : 1)));

    /// <summary>The search for the length of a place in a text: each candidate passes once, without guidance.</summary>
    /// <param name="around">Tokens around the place.</param>
    /// <param name="bound">The largest length, at least 1.</param>
    /// <param name="context">The longest canvas.</param>
    /// <param name="numVirtual">Tokens that a canvas has besides.</param>
    public static LineWork OfSearch(int around, int bound, int context, int numVirtual = 0)
    {
        if (bound == 1)
            return default;     // there is nothing to choose
        var work = default(LineWork);
        foreach (int length in CandidateLengths(bound))
            work += OfCanvas(numVirtual + Math.Min(context, SeenInSearch(around) + length), passes: 1, isGuided: false);
        return work;
    }

    /// <summary>The estimate of a completion's likelihood: each sample passes prompt and completion once.</summary>
    public static LineWork OfScore(int prompt, int completion, int numSamples, bool isGuided) =>
        OfCanvas(prompt + completion, numSamples, isGuided);

    /// <summary>The tokens around a place that a search sees: half of them, and at least 24 and at most 128.</summary>
    public static int SeenInSearch(int around) => Math.Min(around, Math.Clamp(around / 2, MinSeen, MaxSeen));

    /// <summary>The lengths that a search tries: every one up to eight, and steps of a quarter from there to the bound.</summary>
    /// <param name="bound">The largest, at least 1.</param>
    public static IEnumerable<int> CandidateLengths(int bound)
    {
        int last = 0;
        for (double next = 1; last < bound; next = last < EveryLengthTo ? last + 1 : Math.Ceiling(last * Growth))
        {
            last = (int)Math.Min(next, bound);
            yield return last;
        }
    }

    private static long Saturated(double value) => value >= long.MaxValue ? long.MaxValue : (long)value;
}
