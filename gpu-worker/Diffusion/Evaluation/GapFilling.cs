using LLaDA.Diffusion.Autoregression;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>The share of gaps of known length that are filled token for token as in the text.</summary>
public static class GapFilling
{
    private const int RowsOfPass = 64, CandidateTokens = 8192;

    /// <summary>A diffusion model sees both sides. It commits one token a step, the most confident first, at temperature 0.</summary>
    /// <param name="forbidden">Tokens that are not text.</param>
    public static Proportion Diffusion(MaskPredictor model, IReadOnlyList<GapTask> tasks, TokenSet forbidden)
    {
        using var sampler = new Sampler(model);
        var options = new SamplingOptions { Forbidden = forbidden };
        return Proportion.Of(tasks.Chunk(RowsOfPass).SelectMany(chunk => sampler
            .Sample([.. chunk.Select(task => new SamplingRow(Canvas(task), options))])
            .Zip(chunk, (row, task) => row.Tokens.AsSpan(task.Prefix.Length, task.Gap.Length).SequenceEqual(task.Gap))).ToList());

        int[] Canvas(GapTask task) => [.. task.Prefix, .. Enumerable.Repeat(model.Config.MaskTokenId, task.Gap.Length), .. task.Suffix];
    }

    /// <summary>The twin sees the text before the gap and continues it greedily.</summary>
    public static Proportion TwinByPrefix(MaskPredictor model, IReadOnlyList<GapTask> tasks, TokenSet forbidden)
    {
        var decoder = new CausalDecoder(model);
        return Proportion.Of(tasks.Chunk(RowsOfPass).SelectMany(chunk => decoder
            .Complete([.. chunk.Select(task => task.Prefix)], Options(chunk[0], forbidden))
            .Zip(chunk, (fill, task) => fill.AsSpan().SequenceEqual(task.Gap))).ToList());
    }

    /// <summary>
    /// The twin draws fills at temperature 1 and keeps the one with the greatest p(fill, suffix | prefix), the earliest among equals.
    /// </summary>
    public static Proportion TwinReranked(
        MaskPredictor model, IReadOnlyList<GapTask> tasks, TokenSet forbidden, ulong seed, int numSamples = 32)
    {
        var decoder = new CausalDecoder(model);
        var likelihood = new CausalLikelihood(model, CandidateTokens);
        return Proportion.Of(tasks.Index().Select(entry =>
        {
            var (index, task) = entry;
            var options = Options(task, forbidden) with { Temperature = 1, Seed = seed + (ulong)index };
            var drawn = decoder.Complete([.. Enumerable.Repeat(task.Prefix, numSamples)], options);
            int[][] fills = [.. drawn.DistinctBy(fill => string.Join(' ', fill))];
            double[] scores = likelihood.LogLikelihoods([.. fills.Select(fill => new AnsweredRow(task.Prefix, [.. fill, .. task.Suffix]))]);
            return fills[Array.IndexOf(scores, scores.Max())].AsSpan().SequenceEqual(task.Gap);
        }).ToList());
    }

    private static CausalDecodingOptions Options(GapTask task, TokenSet forbidden) =>
        new() { MaxTokens = task.Gap.Length, StopsAtEos = false, Forbidden = forbidden };
}
