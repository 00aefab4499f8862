using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Training.Bounds;

namespace LLaDA.Diffusion.Training.Reinforcement;

/// <summary>Judged answers, kept until the last step that learns from them.</summary>
/// <param name="Index">From 0 on.</param>
/// <param name="Answers">Those of groups with spread, behind their prompts.</param>
/// <param name="Advantages">By answer.</param>
/// <param name="NumSampled">All answers of the round.</param>
internal sealed record Round(int Index, TrainingBatch Answers, double[] Advantages, int NumSampled)
{
    /// <summary>Of the policy at the start of the round, by iteration, and so by noise.</summary>
    public required ResponseBounds[] Old { get; init; }

    public required ResponseBounds[] Reference { get; init; }

    /// <summary>What the log says of the round in each of its steps.</summary>
    public required IReadOnlyDictionary<string, double> Measures { get; init; }

    /// <summary>Leaves out the groups of which all answers are worth the same.</summary>
    /// <param name="answers">Equal numbers for each prompt.</param>
    /// <param name="padding">Token behind the answers.</param>
    public static Round Of(
        int index, TrainingBatch prompts, int[][] answers, double[] rewards, ReinforcementOptions options, int padding)
    {
        int size = options.GroupSize;
        int[] kept = [.. Enumerable.Range(0, prompts.BatchSize)
            .Where(prompt => GroupRewards.HasSpread(rewards.AsSpan(prompt * size, size)))];
        var rows = kept.SelectMany(prompt => answers.AsSpan(prompt * size, size).ToArray(), (prompt, answer) =>
            (Prompt: prompts.Rows[prompt][..prompts.Ends[prompt]], Answer: answer)).ToList();
        int length = rows.Count == 0 ? 0 : rows.Max(row => row.Prompt.Length + row.Answer.Length);
        var batch = new TrainingBatch(
            [.. rows.Select(row => (int[])
                [.. row.Prompt, .. row.Answer, .. Enumerable.Repeat(padding, length - row.Prompt.Length - row.Answer.Length)])],
            [.. rows.Select(row => row.Prompt.Length)],
            [.. rows.Select(row => row.Prompt.Length + row.Answer.Length)]);
        ResponseBounds[] Bounds() => [.. Enumerable.Range(0, options.NumIterations).Select(_ => new ResponseBounds(rows.Count))];
        return new Round(
            index, batch, [.. kept.SelectMany(prompt => GroupRewards.Advantages(rewards.AsSpan(prompt * size, size)))], answers.Length)
        {
            Old = Bounds(),
            Reference = Bounds(),
            Measures = new Dictionary<string, double>
            {
                ["reward"] = rewards.Average(),
                ["skipped_groups"] = prompts.BatchSize - kept.Length,
                ["answer_tokens"] = answers.Average(answer => answer.Length),
            },
        };
    }

    /// <summary>The answers under the policy as it is now.</summary>
    public ScoredAnswer[] Scored(int iteration, ResponseBounds policy) =>
    [
        .. Advantages.Select((advantage, answer) => new ScoredAnswer(
            advantage, Answers.Ends[answer] - Answers.PromptLengths[answer], policy[answer], Old[iteration][answer],
            Reference[iteration][answer])),
    ];
}
