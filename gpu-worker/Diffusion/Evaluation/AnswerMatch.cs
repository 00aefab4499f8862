using LLaDA.Diffusion.Data;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Evaluation;

/// <summary>The share of prompts that are answered token for token as in the data (exact match).</summary>
public static class AnswerMatch
{
    private const int RowsOfPass = 32;

    /// <param name="maxTokens">
    /// Masks behind each prompt, at least 1, as far as the context has room. An answer ends at its first end of text or turn.
    /// </param>
    /// <param name="options">How the masks are filled.</param>
    public static Proportion Diffusion(
        MaskPredictor model, IReadOnlyList<AnsweredPrompt> examples, int maxTokens, SamplingOptions options)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxTokens, 1);
        using var sampler = new Sampler(model);
        return Proportion.Of(examples.Chunk(RowsOfPass).SelectMany(chunk => sampler
            .Sample([.. chunk.Select(example => new SamplingRow(Canvas(model.Config, example.Prompt, maxTokens), options))])
            .Zip(chunk, (row, example) => IsAnswer(model.Config, row.Tokens.AsSpan(example.Prompt.Length), example.Answer))).ToList());
    }

    private static int[] Canvas(LLaDAConfig config, int[] prompt, int maxTokens)
    {
        int room = Math.Min(maxTokens, config.ContextLength - prompt.Length);
        if (room < 1)
        {
            throw new ArgumentException(
                $"A prompt of {prompt.Length} tokens leaves no room for an answer in a context of {config.ContextLength}",
                    nameof(prompt));
        }
        return [.. prompt, .. Enumerable.Repeat(config.MaskTokenId, room)];
    }

    private static bool IsAnswer(LLaDAConfig config, ReadOnlySpan<int> filled, ReadOnlySpan<int> answer)
    {
        int length = Length(config, answer);
        return filled.Length >= length && Length(config, filled) == length && filled[..length].SequenceEqual(answer[..length]);
    }

    /// <summary>Tokens before the first end, or all.</summary>
    private static int Length(LLaDAConfig config, ReadOnlySpan<int> tokens)
    {
        int end = 0;
        while (end < tokens.Length && !config.IsEnd(tokens[end]))
            end++;
        return end;
    }
}
