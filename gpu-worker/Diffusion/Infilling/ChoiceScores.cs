using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Infilling;

/// <summary>
/// The likelihoods of texts at one place, estimated as for answers behind a prompt (LLaDA, Equation 6): each sample is a canvas in which
/// some of a text's tokens are masked, and its one step scores them.
/// </summary>
/// <param name="before">Tokens before the place.</param>
/// <param name="behind">Tokens behind it; masks among both stay masked.</param>
/// <param name="maskTokenId">Of the model.</param>
/// <param name="context">Tokens of the longest canvas.</param>
/// <param name="numSamples">Of each text.</param>
/// <param name="seed">Texts of equal length are judged under the same masks.</param>
internal sealed class ChoiceScores(int[] before, int[] behind, int maskTokenId, int context, int numSamples, ulong seed)
{
    /// <summary>Canvases that are held at a time.</summary>
    private const int RowsAtOnce = 64;

    /// <summary>All samples of a text of one token are the same.</summary>
    public static int NumSamples(int numTokens, int numSamples) => numTokens == 1 ? 1 : numSamples;

    /// <param name="sample">Samples canvases of the texts.</param>
    /// <returns>By text, in nats.</returns>
    public async Task<double[]> FindAsync(IReadOnlyList<int[]> texts, RowSampling sample)
    {
        double[] scores = new double[texts.Count];
        foreach (var chunk in texts.Index().SelectMany(text => Patterns(text.Item).Select(pattern => (text.Index, Pattern: pattern)))
            .Chunk(RowsAtOnce))
        {
            SamplingRow[] rows = [.. chunk.Select(entry => Row(texts[entry.Index], entry.Pattern))];
            foreach (var ((index, _), row, sampled) in chunk.Zip(rows, await sample(rows)))
                scores[index] += Term(texts[index].Length, row, sampled);
        }
        return scores;
    }

    private IEnumerable<bool[]> Patterns(int[] text) =>
        AnswerMasks.Of([[.. Enumerable.Range(0, text.Length)]], NumSamples(text.Length, numSamples), seed);

    private SamplingRow Row(int[] text, bool[] pattern)
    {
        var (numBefore, numBehind) = Surroundings.Of(before.Length, text.Length, behind.Length, context);
        int[] masked = [.. pattern.Index().Where(entry => entry.Item).Select(entry => entry.Index)];
        int[] tokens = [.. text];
        foreach (int index in masked)
            tokens[index] = maskTokenId;
        return new SamplingRow(
            [.. before[^numBefore..], .. tokens, .. behind[..numBehind]],
            new SamplingOptions { Steps = 1 },
            [.. masked.Select(index => numBefore + index)])
        {
            ForcedTokens = masked.ToDictionary(index => numBefore + index, index => text[index]),
            NumTop = 0,
        };
    }

    /// <summary>What a sample adds to the estimate of a text.</summary>
    private double Term(int length, SamplingRow row, SampledRow sampled)
    {
        double sum = row.Targets!.Sum(target => sampled.LogProbabilities![target]!.LogProbability);
        return sum * length / row.Targets!.Count / NumSamples(length, numSamples);
    }
}
