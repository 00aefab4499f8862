using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>New text at one place of a canvas: behind a prompt, or between a prompt and a suffix.</summary>
/// <param name="prompt">Tokens before the new text.</param>
/// <param name="suffix">Tokens behind it.</param>
/// <param name="stops">Texts at which the new text ends; they are not part of it.</param>
internal sealed class Generation(LoadedModel model, IReadOnlyList<int> prompt, int numNewTokens, IReadOnlyList<int> suffix, IReadOnlyList<string> stops, SamplingOptions options)
{
    /// <summary>The canvas to sample.</summary>
    public SamplingRow Row => new([.. prompt, .. Enumerable.Repeat(model.MaskTokenId, numNewTokens), .. suffix], options);

    /// <summary>The new text up to its end, why it ended, and the tokens used.</summary>
    public (string Text, string FinishReason, LineUsage Usage) Result(SampledRow sampled)
    {
        int[] tokens = sampled.Tokens[prompt.Count..(prompt.Count + numNewTokens)];
        int end = Array.FindIndex(tokens, model.IsEnd);
        bool isEnded = end >= 0 || suffix.Count > 0;
        if (end >= 0)
            tokens = tokens[..end];
        var usage = new LineUsage(prompt.Count + suffix.Count, tokens.Length);

        string text = model.Tokenizer.Decode(tokens);
        int stop = stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(index => index >= 0).DefaultIfEmpty(-1).Min();
        return stop >= 0 ? (text[..stop], "stop", usage) : (text, isEnded ? "stop" : "length", usage);
    }
}
