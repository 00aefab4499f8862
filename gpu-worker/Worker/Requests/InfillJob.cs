using System.Text.Json.Serialization;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Worker.Requests;

/// <summary><c>/v1/infill</c>: a text with gaps.</summary>
internal sealed class InfillJob(
    InfillDocument document, LLaDATokenizer tokenizer, string context, int numVirtual, string modelId, DateTimeOffset now) : ILineJob
{
    /// <summary>What a gap of a block-causal model sees: the text before it, and in its own block the text behind.</summary>
    private const string Before = "before";

    private const string Both = "both";

    public static InfillJob Read(RequestBody body, LoadedModel model, ulong seed, DateTimeOffset now)
    {
        var text = GapText.Parse(body.Text("text"));
        var sampling = SamplingParameters.Read(body, model.Config, blockLength: null, seed, model.NonText);
        int? maxGapLength = body.Integer("max_gap_length");
        var options = GapParameters.Read(body, new InfillOptions
        {
            Sampling = sampling,
            MaxGapLength = maxGapLength,
            IsTraced = GenerationParameters.ReadTrace(body),
            NumTop = LogprobsParameter.Read(body),
        });
        body.RequireNothingElse();
        if (maxGapLength < 1 || maxGapLength > model.ContextLength - 2)
            throw body.Invalid("max_gap_length", $"must lie in [1, {model.ContextLength - 2}]");

        var document = new InfillDocument(text, model.Tokenizer, model.Config, options, model.Patterns);
        string context = model.Config.Family.IsBlockCausal ? Before : Both;
        return new InfillJob(document, model.Tokenizer, context, model.Config.NumVirtualTokens, model.Id, now);
    }

    public LineWork Work
    {
        get
        {
            var (windows, searches, choices) = document.Sizes;
            var work = windows.Aggregate(default(LineWork), (sum, size) => sum + new LineWork(size.Tokens, size.TokenForwards));
            work = searches.Aggregate(work, (sum, around) =>
                sum + LineWork.OfSearch(around, document.MaxGapLength, document.Context, numVirtual));
            return choices.Aggregate(work, (sum, size) =>
                sum + LineWork.OfCanvas(numVirtual + size.Tokens, size.Samples, isGuided: false));
        }
    }

    public async Task<LineAnswer> RunAsync(ModelOperations model, LineProgress progress)
    {
        var filled = await model.FillAsync(document, progress.State.Infill, state => progress.Set(state, document.ShareOf(state)));
        var usage = new LineUsage(filled.NumGivenTokens, filled.NumFilledTokens, filled.NumReusedTokens);
        var spans = filled.Spans.Select(span => new InfillSpan(
            span.Index, span.Text, span.Tokens.Count, Math.Round(span.Confidence, 4),
            span.Choice?.Index, ScoredChoice.Of(span, document.Options), LineLogprobs.Of(span.Tokens, span.LogProbabilities, tokenizer),
            LineTrace.Of(span.Trace, tokenizer, span.Tokens.Count)));
        var answer = new InfillAnswer(
            $"infill-{Guid.NewGuid():N}", now.ToUnixTimeSeconds(), modelId, filled.Text, [.. spans], context, usage);
        return new LineAnswer(answer, usage);
    }
}

/// <summary>A filled text.</summary>
/// <param name="Context">The text that the gaps were filled from: <c>both</c> sides, or only what stands <c>before</c> them.</param>
internal sealed record InfillAnswer(
    string Id, long Created, string Model, string Text, IReadOnlyList<InfillSpan> Spans, string Context, LineUsage Usage)
{
    public string Object { get; init; } = "infill";
}

/// <param name="Tokens">Number of tokens.</param>
/// <param name="Confidence">Geometric mean of the tokens' probabilities, 0 to 1.</param>
/// <param name="Choice">Index of the choice that was made.</param>
internal sealed record InfillSpan(
    int Index,
    string Text,
    int Tokens,
    double Confidence,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Choice,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ScoredChoice>? Choices,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] LineLogprobs? Logprobs,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] LineTrace? Trace);

/// <summary>A text that might have filled a gap.</summary>
/// <param name="Text">As the request has it.</param>
/// <param name="LogLikelihood">Estimate of the bound on log p(text | text around the gap), in nats.</param>
/// <param name="Probability">Its likelihood as a share of those of all choices of the gap.</param>
internal sealed record ScoredChoice(string Text, double LogLikelihood, double Probability)
{
    /// <returns>Null for a gap without choices.</returns>
    public static IReadOnlyList<ScoredChoice>? Of(FilledSpan span, InfillOptions options) => span.Choice is not { } chosen
        ? null
        : [.. options.Choices[span.Index].Select((text, index) => new ScoredChoice(
            text, Math.Round(chosen.LogLikelihoods[index], 5), Math.Round(chosen.Probabilities[index], 4)))];
}
