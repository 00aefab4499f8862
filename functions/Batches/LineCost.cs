using System.Text;
using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// The work of a line without a tokenizer: an estimate, good enough to group lines of similar length and to cut shards of similar duration,
/// and a lower bound, by which a line is refused. The canvas is the whole text, also where infill windows divide it.
/// </summary>
/// <param name="context">The model's longest canvas, in tokens.</param>
internal sealed class LineCost(int context)
{
    private const int BytesPerToken = 4, DefaultNewTokens = 16, DefaultGapTokens = 4, DefaultSamples = 128, MaxTokens = 1 << 20;
    private const int DefaultMaxGapLength = 8, ForcedTokens = 4;

    /// <summary>Text counts a token for four bytes.</summary>
    /// <param name="body">The body of any endpoint. Values that the endpoint refuses count as absent.</param>
    public LineWork Estimate(JsonElement body) => Of(body, bytes => bytes / BytesPerToken, DefaultGapTokens, ForcedTokens);

    /// <summary>No tokenizer makes it less: only what the parameters ask for counts, and text as no token at all.</summary>
    /// <param name="body">The body of any endpoint. Values that the endpoint refuses count as absent.</param>
    public LineWork AtLeast(JsonElement body) => Of(body, _ => 0, openGapTokens: 1, forced: 0);

    private LineWork Of(JsonElement body, Func<int, int> tokensOf, int openGapTokens, int forced)
    {
        bool isGuided = body.Find("cfg_scale") is { ValueKind: JsonValueKind.Number } scale
            && scale.TryGetDouble(out double strength) && strength > 0;
        int textTokens = tokensOf(TextBytes(body));
        if (body.Find("completions") is { ValueKind: JsonValueKind.Array } completions)
        {
            int prompt = Math.Max(1, textTokens - tokensOf(TextBytes(completions)));
            return completions.EnumerateArray().Aggregate(default(LineWork), (sum, completion) => sum + LineWork.OfScore(
                prompt, Math.Max(1, tokensOf(TextBytes(completion))), Clamped(body, "num_samples") ?? DefaultSamples, isGuided));
        }
        string? text = body.FindText("text");
        int newTokens = Clamped(body, "max_tokens") ?? Clamped(body, "max_completion_tokens") ?? GapTokens(text, openGapTokens);
        int tokens = (int)Math.Min(int.MaxValue, (long)textTokens + newTokens);
        int passes = Math.Min(newTokens, Clamped(body, "steps") ?? newTokens);
        var work = LineWork.OfCanvas(Math.Min(context, tokens), passes, isGuided) with { CanvasTokens = tokens };
        int numOpen = NumOpenGaps(text);
        if (numOpen == 0)
            return work;
        int bound = Math.Min(Clamped(body, "max_gap_length") ?? DefaultMaxGapLength, Math.Max(1, context - 2));
        var search = LineWork.OfSearch(textTokens + newTokens - openGapTokens, forced, bound, context);
        return work + (search with { TokenForwards = search.TokenForwards * numOpen });
    }

    private static int NumOpenGaps(string? text) => text is null ? 0 : GapMarks.LengthsIn(text).Count(length => length is null);

    private static int GapTokens(string? text, int openGapTokens)
    {
        if (text is null)
            return DefaultNewTokens;
        long tokens = GapMarks.LengthsIn(text).Sum(length => length ?? openGapTokens);
        return (int)Math.Clamp(tokens, 1, MaxTokens);
    }

    private static int? Clamped(JsonElement body, string name) =>
        body.FindInteger(name) is { } number ? Math.Clamp(number, 1, MaxTokens) : null;

    /// <summary>Bytes of all strings of the body, those of nested messages included.</summary>
    private static int TextBytes(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => Encoding.UTF8.GetByteCount(json.GetString()!),
        JsonValueKind.Array => json.EnumerateArray().Sum(TextBytes),
        JsonValueKind.Object => json.EnumerateObject().Sum(property => TextBytes(property.Value)),
        _ => 0,
    };
}
