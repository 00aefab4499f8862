using LLaDA.Batch.Shared.Batches;
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
    /// <summary>How many texts are wanted, at least 1.</summary>
    public int NumAnswers { get; init; } = 1;

    /// <summary>Whether the result says how it came about.</summary>
    public bool IsTraced { get; init; }

    /// <inheritdoc cref="SamplingRow.NumTop"/>
    public int? NumTop { get; init; }

    /// <summary>Whether spaces around the text are left out.</summary>
    public bool IsTrimmed { get; init; }

    /// <summary>What sampling it takes at most; between two texts the search for its length as well.</summary>
    public LineWork Work
    {
        get
        {
            int numTokens = Prompt.Count + NumNewTokens + Suffix.Count;
            long forwards = SamplingSize.TokenForwards(numTokens, NumNewTokens, Options, Model.Config);
            var work = new LineWork(numTokens, forwards).Times(NumAnswers);
            return Suffix.Count == 0
                ? work
                : work + LineWork.OfSearch(
                    Prompt.Count + Suffix.Count, NumNewTokens, Model.ContextLength, Model.Config.NumVirtualTokens);
        }
    }

    /// <summary>The canvas of a candidate length for the new text between prompt and suffix.</summary>
    public SamplingRow CandidateRow(int length) =>
        LengthSearch.CandidateRow([.. Prompt], length, [.. Suffix], Model.MaskTokenId, Model.ContextLength, Options.Forbidden);

    /// <summary>The canvas to sample for an answer.</summary>
    /// <param name="answer">From 0.</param>
    /// <param name="onStep">Takes its steps; null where no one looks.</param>
    public SamplingRow Row(int answer, Action<LineStep>? onStep)
    {
        int[] canvas = [.. Prompt, .. Enumerable.Repeat(Model.MaskTokenId, NumNewTokens), .. Suffix];
        return new SamplingRow(canvas, Options.OfAnswer(answer))
        {
            IsTraced = IsTraced,
            NumTop = NumTop,
            OnStep = onStep is null ? null : progress => onStep(StepOf(progress, answer)),
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

        string text = Model.Tokenizer.Decode(tokens);
        int stop = Stops.Select(stop => text.IndexOf(stop, StringComparison.Ordinal))
            .Where(index => index >= 0).DefaultIfEmpty(-1).Min();
        string finishReason = stop >= 0 || isEnded ? "stop" : "length";
        int numShown = stop >= 0 ? NumTokensBefore(stop, tokens) : tokens.Length;
        var logprobs = LineLogprobs.Of(
            tokens[..numShown], sampled.LogProbabilities?.Skip(Prompt.Count).Take(numShown).ToList(), Model.Tokenizer);
        return new GeneratedText(Trimmed(stop >= 0 ? text[..stop] : text), finishReason, tokens.Length, sampled.NumReusedTokens)
        {
            Trace = trace,
            Logprobs = logprobs,
        };
    }

    private LineStep StepOf(DenoisingProgress progress, int answer)
    {
        int[] tokens = [.. progress.Canvas.Skip(Prompt.Count).Take(NumNewTokens)];
        int numSettled = Math.Clamp(progress.SettledTo - Prompt.Count, 0, NumNewTokens);
        return new LineStep(progress.Block, progress.Step, progress.NumMasked, () => Shown(tokens, numSettled)) { Answer = answer };
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

    /// <summary>How many tokens the text before a place takes, one that is cut there included.</summary>
    /// <param name="length">Of the text, in UTF-16 units.</param>
    private int NumTokensBefore(int length, int[] tokens)
    {
        int count = 0;
        for (int more = tokens.Length; count < more;)
        {
            int middle = (count + more) / 2;
            if (Model.Tokenizer.Decode(tokens[..middle]).Length < length)
                count = middle + 1;
            else
                more = middle;
        }
        return count;
    }

    private string Trimmed(string text) => IsTrimmed ? text.Trim() : text;
}

/// <summary>A new text up to its end.</summary>
/// <param name="FinishReason"><c>stop</c> or <c>length</c>.</param>
/// <param name="NumTokens">Up to its end.</param>
/// <param name="NumReusedTokens">As <see cref="SampledRow.NumReusedTokens"/>.</param>
internal sealed record GeneratedText(string Text, string FinishReason, int NumTokens, int NumReusedTokens)
{
    /// <summary>Null unless it was asked for.</summary>
    public LineTrace? Trace { get; init; }

    /// <summary>Null unless they were asked for.</summary>
    public LineLogprobs? Logprobs { get; init; }
}
