using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>New text at one place of a canvas: after a prompt, or between a prompt and a suffix.</summary>
/// <param name="Prompt">Tokens before the new text.</param>
/// <param name="Suffix">Tokens after it.</param>
/// <param name="Stops">Texts at which the new text ends; they are not part of it.</param>
internal sealed record Generation(
    LoadedModel Model,
    IReadOnlyList<int> Prompt,
    int NumNewTokens,
    IReadOnlyList<int> Suffix,
    IReadOnlyList<string> Stops,
    SamplingOptions Options)
{
    /// <summary>The canvas to sample.</summary>
    public SamplingRow Row => new([.. Prompt, .. Enumerable.Repeat(Model.MaskTokenId, NumNewTokens), .. Suffix], Options);

    /// <summary>The canvas of a candidate length for the new text between prompt and suffix.</summary>
    public SamplingRow CandidateRow(int length) =>
        LengthSearch.CandidateRow([.. Prompt], length, [.. Suffix], Model.MaskTokenId, Model.ContextLength, Options.Forbidden);

    public GeneratedText Result(SampledRow sampled)
    {
        int[] tokens = sampled.Tokens[Prompt.Count..(Prompt.Count + NumNewTokens)];
        int end = Array.FindIndex(tokens, Model.IsEnd);
        bool isEnded = end >= 0 || Suffix.Count > 0;
        if (end >= 0)
            tokens = tokens[..end];
        var usage = new LineUsage(Prompt.Count + Suffix.Count, tokens.Length, sampled.NumReusedTokens);

        string text = Model.Tokenizer.Decode(tokens);
        int stop = Stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal))
            .Where(index => index >= 0).DefaultIfEmpty(-1).Min();
        return stop >= 0 ? new(text[..stop], "stop", usage) : new(text, isEnded ? "stop" : "length", usage);
    }
}

/// <summary>The new text up to its end.</summary>
/// <param name="FinishReason"><c>stop</c> or <c>length</c>.</param>
internal sealed record GeneratedText(string Text, string FinishReason, LineUsage Usage);
