using System.Text;
using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// What a line takes, without a tokenizer: an estimate, good enough to group lines of similar length and to cut shards of similar duration,
/// or a lower bound, by which a line is refused. The canvas is the whole text, also where infill windows divide it.
/// </summary>
/// <param name="CanvasTokens">Tokens of a canvas of it.</param>
/// <param name="NewTokens">Tokens that are to be found, those of all answers; for a score the tokens that are scored.</param>
/// <param name="Passes">Forward passes of the line by itself.</param>
/// <param name="TokenForwards">Tokens times passes.</param>
internal readonly record struct LineCost(int CanvasTokens, int NewTokens, long Passes, long TokenForwards)
{
    /// <summary>Of one prompt, as the worker has it.</summary>
    private const int MaxAnswers = 16;

    private const int BytesPerToken = 4, DefaultNewTokens = 16, DefaultGapTokens = 4, DefaultSamples = 128, MaxTokens = 1 << 20;
    private const int DefaultMaxGapLength = 8, DefaultChoiceSamples = 32, MaxChoices = 64;

    public LineWork Work => new(CanvasTokens, TokenForwards);

    /// <summary>Tokens that are given, once for all answers.</summary>
    public int GivenTokens { get; private init; }

    /// <summary>Text counts a token for four bytes.</summary>
    /// <param name="body">The body of any endpoint. Values that the endpoint refuses count as absent.</param>
    /// <param name="context">The model's longest canvas, in tokens.</param>
    public static LineCost Estimate(JsonElement body, int context) =>
        Of(body, context, bytes => bytes / BytesPerToken, DefaultGapTokens, Clamped(body, "num_samples") ?? DefaultChoiceSamples);

    /// <summary>No tokenizer makes it less: only what the parameters ask for counts, and text as no token at all.</summary>
    /// <inheritdoc cref="Estimate"/>
    public static LineCost AtLeast(JsonElement body, int context) =>
        Of(body, context, _ => 0, openGapTokens: 1, choiceSamples: 1);

    private static LineCost Of(
        JsonElement body, int context, Func<int, int> tokensOf, int openGapTokens, int choiceSamples)
    {
        bool isGuided = body.Find("cfg_scale") is { ValueKind: JsonValueKind.Number } scale
            && scale.TryGetDouble(out double strength) && strength > 0;
        int textTokens = tokensOf(TextBytes(body));
        if (body.Find("completions") is { ValueKind: JsonValueKind.Array } completions)
        {
            int prompt = Math.Max(1, textTokens - tokensOf(TextBytes(completions)));
            int[] scored = [.. completions.EnumerateArray().Select(completion => Math.Max(1, tokensOf(TextBytes(completion))))];
            return Score(prompt, scored, Clamped(body, "num_samples") ?? DefaultSamples, isGuided);
        }
        string? text = body.FindText("text");
        int newTokens = Clamped(body, "max_tokens") ?? Clamped(body, "max_completion_tokens") ?? GapTokens(text, openGapTokens);
        int canvas = (int)Math.Min(int.MaxValue, (long)textTokens + newTokens);
        int[] choices = text is null ? [] : [.. ChoicesOf(body)];
        int sampled = Math.Max(0, newTokens - (choices.Length * openGapTokens));
        int passes = Math.Min(sampled, Clamped(body, "steps") ?? sampled);
        int numAnswers = text is null && body.FindInteger("n") is >= 1 and <= MaxAnswers and var count ? count : 1;
        long work = LineWork.OfCanvas(Math.Min(context, canvas), passes, isGuided).Times(numAnswers).TokenForwards;
        var cost = new LineCost(canvas, newTokens * numAnswers, (long)passes * numAnswers, work) { GivenTokens = canvas - newTokens };
        int numOpen = Math.Max(0, NumOpenGaps(text) - choices.Length);
        cost = cost.With(LineWork.OfCanvas(Math.Min(context, canvas), choices.Sum() * (long)choiceSamples, isGuided: false),
            passes: choices.Sum() * (long)choiceSamples);
        return numOpen == 0 ? cost : cost.WithSearches(body, context, canvas - openGapTokens, numOpen);
    }

    /// <summary>Each completion passes behind the prompt once a sample.</summary>
    private static LineCost Score(int prompt, int[] scored, int numSamples, bool isGuided)
    {
        var work = scored.Aggregate(default(LineWork), (sum, tokens) => sum + LineWork.OfScore(prompt, tokens, numSamples, isGuided));
        int canvas = work.CanvasTokens;
        int numScored = Math.Min(canvas, scored.Sum());
        return new LineCost(canvas, numScored, (long)scored.Length * numSamples, work.TokenForwards) { GivenTokens = canvas - numScored };
    }

    /// <param name="around">Tokens around an open gap.</param>
    private LineCost WithSearches(JsonElement body, int context, int around, int numOpen)
    {
        int bound = Math.Min(Clamped(body, "max_gap_length") ?? DefaultMaxGapLength, Math.Max(1, context - 2));
        var search = LineWork.OfSearch(around, bound, context);
        long passes = bound == 1 ? 0 : LineWork.CandidateLengths(bound).Count();
        return With(search.Times(numOpen), passes * numOpen);
    }

    private LineCost With(LineWork work, long passes) => this with
    {
        Passes = Passes + passes,
        TokenForwards = (long)Math.Min((double)TokenForwards + work.TokenForwards, long.MaxValue / 2),
    };

    /// <returns>By gap with choices, how many it has.</returns>
    private static IEnumerable<int> ChoicesOf(JsonElement body) => body.Find("choices") is { ValueKind: JsonValueKind.Object } byGap
        ? byGap.EnumerateObject().Select(gap => gap.Value.ValueKind == JsonValueKind.Array ? gap.Value.GetArrayLength() : 0)
            .Where(count => count is >= 2 and <= MaxChoices)
        : [];

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
