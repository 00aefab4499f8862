using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

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
    /// <summary>Whether the result says how it came about.</summary>
    public bool IsTraced { get; init; }

    /// <summary>Whether spaces around the text are left out.</summary>
    public bool IsTrimmed { get; init; }

    /// <summary>The canvas to sample.</summary>
    public SamplingRow Row => new([.. Prompt, .. Enumerable.Repeat(Model.MaskTokenId, NumNewTokens), .. Suffix], Options)
    {
        IsTraced = IsTraced,
    };

    /// <summary>What sampling it takes at most; between two texts the search for its length as well.</summary>
    public LineWork Work
    {
        get
        {
            int numTokens = Prompt.Count + NumNewTokens + Suffix.Count;
            var work = new LineWork(numTokens, SamplingSize.TokenForwards(numTokens, NumNewTokens, Options, Model.Config));
            int forced = Math.Min(LengthSearch.NumForcedBehind, Suffix.Count);
            return Suffix.Count == 0
                ? work
                : work + LineWork.OfSearch(Prompt.Count + Suffix.Count, forced, NumNewTokens, Model.ContextLength);
        }
    }

    /// <summary>The canvas of a candidate length for the new text between prompt and suffix.</summary>
    public SamplingRow CandidateRow(int length) =>
        LengthSearch.CandidateRow([.. Prompt], length, [.. Suffix], Model.MaskTokenId, Model.ContextLength, Options.Forbidden);

    /// <summary>The canvas to sample, whose steps are shown.</summary>
    /// <param name="onStep">Null where no one looks.</param>
    public SamplingRow Shown(Action<LineStep>? onStep)
    {
        if (onStep is null)
            return Row;
        return Row with
        {
            OnStep = progress =>
            {
                int[] tokens = [.. progress.Canvas.Skip(Prompt.Count).Take(NumNewTokens)];
                int numSettled = Math.Clamp(progress.SettledTo - Prompt.Count, 0, NumNewTokens);
                onStep(new LineStep(progress.Block, progress.Step, progress.NumMasked, () => Shown(tokens, numSettled)));
            },
        };
    }

    public GeneratedText Result(SampledRow sampled)
    {
        int[] tokens = sampled.Tokens[Prompt.Count..(Prompt.Count + NumNewTokens)];
        int end = Array.FindIndex(tokens, Model.IsEnd);
        bool isEnded = end >= 0 || Suffix.Count > 0;
        if (end >= 0)
            tokens = tokens[..end];
        var trace = LineTrace.Of(TextTrace.Of(sampled, Prompt.Count, NumNewTokens), Model.Tokenizer, tokens.Length);
        var usage = new LineUsage(Prompt.Count + Suffix.Count, tokens.Length, sampled.NumReusedTokens);

        string text = Model.Tokenizer.Decode(tokens);
        int stop = Stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal))
            .Where(index => index >= 0).DefaultIfEmpty(-1).Min();
        string finishReason = stop >= 0 || isEnded ? "stop" : "length";
        return new(Trimmed(stop >= 0 ? text[..stop] : text), finishReason, usage, trace);
    }

    /// <summary>The text between two steps.</summary>
    /// <param name="numSettled">Tokens at the start that never change any more.</param>
    private ShownText Shown(int[] tokens, int numSettled)
    {
        string settled = SettledText.Of(this, tokens.AsSpan(0, numSettled));
        int end = Array.FindIndex(tokens, Model.IsEnd);
        string all = MaskedText.Of(Model.Tokenizer, tokens.AsSpan(0, end >= 0 ? end : tokens.Length), Model.MaskTokenId);
        if (IsTrimmed)
            all = all.TrimStart();
        return all.StartsWith(settled, StringComparison.Ordinal) ? new(all, settled.Length) : new(settled, settled.Length);
    }

    private string Trimmed(string text) => IsTrimmed ? text.Trim() : text;
}

/// <summary>The new text up to its end.</summary>
/// <param name="FinishReason"><c>stop</c> or <c>length</c>.</param>
/// <param name="Trace">Null unless it was asked for.</param>
internal sealed record GeneratedText(string Text, string FinishReason, LineUsage Usage, LineTrace? Trace);
