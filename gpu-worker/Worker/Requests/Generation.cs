using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>New text at one place of a canvas: behind a prompt, or between a prompt and a suffix.</summary>
/// <param name="Prompt">Tokens before the new text.</param>
/// <param name="Suffix">Tokens behind it.</param>
/// <param name="Stops">Texts at which the new text ends; they are not part of it.</param>
internal sealed record Generation(
    LoadedModel Model, IReadOnlyList<int> Prompt, int NumNewTokens, IReadOnlyList<int> Suffix, IReadOnlyList<string> Stops, SamplingOptions Options)
{
    /// <summary>The canvas to sample.</summary>
    public SamplingRow Row => new([.. Prompt, .. Enumerable.Repeat(Model.MaskTokenId, NumNewTokens), .. Suffix], Options);

    /// <summary>A canvas that tries a length for the new text between prompt and suffix.</summary>
    public SamplingRow CandidateRow(int length) =>
        LengthSearch.CandidateRow([.. Prompt], length, [.. Suffix], Model.MaskTokenId, Model.ContextLength, Options.Forbidden);

    /// <summary>The new text up to its end, why it ended, and the tokens used.</summary>
    public (string Text, string FinishReason, LineUsage Usage) Result(SampledRow sampled)
    {
        int[] tokens = sampled.Tokens[Prompt.Count..(Prompt.Count + NumNewTokens)];
        int end = Array.FindIndex(tokens, Model.IsEnd);
        bool isEnded = end >= 0 || Suffix.Count > 0;
        if (end >= 0)
            tokens = tokens[..end];
        var usage = new LineUsage(Prompt.Count + Suffix.Count, tokens.Length);

        string text = Model.Tokenizer.Decode(tokens);
        int stop = Stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal)).Where(index => index >= 0).DefaultIfEmpty(-1).Min();
        return stop >= 0 ? (text[..stop], "stop", usage) : (text, isEnded ? "stop" : "length", usage);
    }
}
