using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Training.Reinforcement;

/// <summary>
/// Samples answers to prompts by the engine that serves requests. Each answer has a seed of its own and depends on nothing else in its
/// pass, so the answers are a pure function of the weights, the seed and the round.
/// </summary>
/// <param name="maxTokens">Tokens that share a pass.</param>
/// <param name="numTokens">As for <see cref="Sampler"/>.</param>
internal sealed class Rollouts(MaskPredictor policy, ReinforcementOptions options, int maxTokens, int? numTokens)
{
    private readonly SamplingOptions _sampling = options.Sampling(policy.Config);

    /// <summary>The turns that sample, each of which is a denoising step.</summary>
    /// <param name="round">From 0 on.</param>
    /// <param name="answers">
    /// Filled after the last turn: equal numbers for each prompt, those of the first prompt first, each up to its end with it.
    /// </param>
    public IEnumerable<Action> Turns(TrainingBatch prompts, CounterRandom random, uint round, int[][] answers)
    {
        int numAnswers = answers.Length / prompts.BatchSize;
        using var engine = new SamplingEngine(policy, numTokens, maxTokens);
        Task<SampledRow>[] rows = [.. answers.Select((_, index) => engine.SubmitAsync(Row(prompts, index, numAnswers, random, round)))];
        while (engine.HasWork)
            yield return () => engine.Step();
        foreach (var (index, row) in rows.Index())
            answers[index] = UpToEnd(row.GetAwaiter().GetResult().Tokens.AsSpan(prompts.Ends[index / numAnswers]));
    }

    private SamplingRow Row(TrainingBatch prompts, int index, int numAnswers, CounterRandom random, uint round)
    {
        int prompt = index / numAnswers;
        int[] given = prompts.Rows[prompt][..prompts.Ends[prompt]];
        ulong seed = random.Below(ulong.MaxValue, round, (ulong)index, RandomStream.Rollout);
        return new SamplingRow(
            [.. given, .. Enumerable.Repeat(policy.Config.MaskTokenId, options.MaxAnswerTokens)],
            _sampling with { Seed = seed },
            [.. Enumerable.Range(given.Length, options.MaxAnswerTokens)]);
    }

    private int[] UpToEnd(ReadOnlySpan<int> tokens)
    {
        for (int index = 0; index < tokens.Length; index++)
        {
            if (policy.Config.IsEnd(tokens[index]))
                return [.. tokens[..(index + 1)]];
        }
        return [.. tokens];
    }
}
