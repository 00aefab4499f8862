using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Infilling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary><c>/v1/infill</c>: a text with gaps.</summary>
internal sealed class InfillJob(InfillDocument document, string modelId, DateTimeOffset now) : ILineJob
{
    /// <summary>Tokens of a gap <c>[MASK]</c> that does not say how many.</summary>
    public const int DefaultGapLength = 4;

    public static InfillJob Read(RequestBody body, LoadedModel model, ulong seed, DateTimeOffset now)
    {
        string text = body.Text("text");
        var options = SamplingParameters.Read(body, blockLength: null, seed, model.NonText);
        body.RequireNothingElse();
        var document = new InfillDocument(GapText.Parse(text), model.Tokenizer, model.MaskTokenId, model.ContextLength, DefaultGapLength, options);
        return new InfillJob(document, model.Id, now);
    }

    public async Task<(object Body, LineUsage Usage)> RunAsync(ModelCalls model)
    {
        while (!document.IsDone)
            document.Accept(await model.SampleAsync(document.Next()));
        var (text, spans) = document.ToFilled();
        var usage = new LineUsage(document.NumTokens - document.NumMasked, document.NumMasked);
        var answered = spans.Select(span => new InfillSpan(span.Index, span.Text, span.Tokens.Count, Math.Round(span.Confidence, 4)));
        return (new InfillAnswer($"infill-{Guid.NewGuid():N}", now.ToUnixTimeSeconds(), modelId, text, [.. answered], usage), usage);
    }
}

/// <summary>A filled text.</summary>
internal sealed record InfillAnswer(string Id, long Created, string Model, string Text, IReadOnlyList<InfillSpan> Spans, LineUsage Usage)
{
    public string Object { get; init; } = "infill";
}

/// <param name="Tokens">How many.</param>
/// <param name="Confidence">Geometric mean of the tokens' probabilities, 0 to 1.</param>
internal sealed record InfillSpan(int Index, string Text, int Tokens, double Confidence);
