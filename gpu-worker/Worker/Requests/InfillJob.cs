using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Infilling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary><c>/v1/infill</c>: a text with gaps.</summary>
/// <param name="create">Makes the document with these lengths of its gaps of unknown length.</param>
internal sealed class InfillJob(GapText text, Func<IReadOnlyList<int>, InfillDocument> create, int maxGapLength, string modelId, DateTimeOffset now) : ILineJob
{
    /// <summary>The most tokens of a gap <c>[MASK]</c> that does not say how many, where the line names no other bound.</summary>
    public const int DefaultMaxGapLength = 8;

    /// <summary>What such a gap counts while the lengths of the others are searched.</summary>
    private const int ProvisionalGapLength = 2;

    public static InfillJob Read(RequestBody body, LoadedModel model, ulong seed, DateTimeOffset now)
    {
        var text = GapText.Parse(body.Text("text"));
        var options = SamplingParameters.Read(body, blockLength: null, seed, model.NonText);
        int maxGapLength = body.Integer("max_gap_length") ?? Math.Min(DefaultMaxGapLength, model.ContextLength - 2);
        body.RequireNothingElse();
        if (maxGapLength < 1 || maxGapLength > model.ContextLength - 2)
            throw RequestBody.Invalid("max_gap_length", $"must lie in [1, {model.ContextLength - 2}]");

        InfillDocument Create(IReadOnlyList<int> openLengths) => new(text, model.Tokenizer, model.MaskTokenId, model.ContextLength, openLengths, options);
        _ = Create(Lengths(text, maxGapLength));     // refuses what could not be filled, before anything runs
        return new InfillJob(text, Create, maxGapLength, model.Id, now);
    }

    public async Task<(object Body, LineUsage Usage)> RunAsync(ModelCalls model)
    {
        var document = create(await SearchLengthsAsync(model));
        while (!document.IsDone)
            document.Accept(await model.SampleAsync(document.Next()));
        var (filled, spans) = document.ToFilled();
        var usage = new LineUsage(document.NumTokens - document.NumMasked, document.NumMasked);
        var answered = spans.Select(span => new InfillSpan(span.Index, span.Text, span.Tokens.Count, Math.Round(span.Confidence, 4)));
        return (new InfillAnswer($"infill-{Guid.NewGuid():N}", now.ToUnixTimeSeconds(), modelId, filled, [.. answered], usage), usage);
    }

    /// <summary>All gaps of unknown length at once, each with the others masked.</summary>
    private async Task<IReadOnlyList<int>> SearchLengthsAsync(ModelCalls model)
    {
        int[] open = [.. text.Gaps.Index().Where(entry => entry.Item.Length is null).Select(entry => entry.Index)];
        if (open.Length == 0)
            return [];
        var draft = create(Lengths(text, Math.Min(ProvisionalGapLength, maxGapLength)));
        return await Task.WhenAll(open.Select(gap => model.SearchLengthAsync(maxGapLength, length => draft.CandidateRow(gap, length))));
    }

    private static IReadOnlyList<int> Lengths(GapText text, int length) => [.. text.Gaps.Where(gap => gap.Length is null).Select(_ => length)];
}

/// <summary>A filled text.</summary>
internal sealed record InfillAnswer(string Id, long Created, string Model, string Text, IReadOnlyList<InfillSpan> Spans, LineUsage Usage)
{
    public string Object { get; init; } = "infill";
}

/// <param name="Tokens">How many.</param>
/// <param name="Confidence">Geometric mean of the tokens' probabilities, 0 to 1.</param>
internal sealed record InfillSpan(int Index, string Text, int Tokens, double Confidence);
