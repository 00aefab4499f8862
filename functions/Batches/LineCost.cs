using System.Text;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>
/// An estimate of the cost of a line, made without a tokenizer: enough to group lines of similar length and to cut shards of similar
/// duration.
/// </summary>
/// <param name="CanvasTokens">Tokens of its canvas.</param>
/// <param name="NewTokens">Those of them that are to be found; for a score the tokens that are scored.</param>
/// <param name="Passes">Forward passes of the line by itself.</param>
/// <param name="TokenForwards">Canvas tokens times forward passes.</param>
internal readonly record struct LineCost(int CanvasTokens, int NewTokens, long Passes, long TokenForwards)
{
    /// <summary>
    /// Forward passes of the search for the length of an open gap: eight lengths, one token a step, with four known tokens each.
    /// </summary>
    private const int SearchForwards = 68;

    private const int BytesPerToken = 4, DefaultNewTokens = 16, DefaultGapTokens = 4, DefaultSamples = 128, MaxTokens = 1 << 20;

    /// <param name="body">The body of any endpoint. Values that the endpoint refuses count as absent.</param>
    public static LineCost Of(JsonElement body)
    {
        int textTokens = TextBytes(body) / BytesPerToken;
        if (body.Find("completions") is { ValueKind: JsonValueKind.Array } completions)
        {
            int numSamples = Clamped(body, "num_samples") ?? DefaultSamples;
            return Score(textTokens, TextBytes(completions) / BytesPerToken, completions.GetArrayLength(), numSamples);
        }
        string? text = body.FindText("text");
        int newTokens = Clamped(body, "max_tokens") ?? Clamped(body, "max_completion_tokens") ?? GapTokens(text);
        int canvas = textTokens + newTokens;
        int steps = Clamped(body, "steps") ?? newTokens;
        long passes = steps + ((long)SearchForwards * NumOpenGaps(text));
        return new LineCost(canvas, newTokens, passes, canvas * passes);
    }

    /// <summary>Each completion passes behind the prompt once a sample.</summary>
    private static LineCost Score(int textTokens, int completionTokens, int numCompletions, int numSamples)
    {
        int promptTokens = textTokens - completionTokens;
        long tokens = ((long)promptTokens * numCompletions) + completionTokens;
        int canvas = promptTokens + (completionTokens / Math.Max(1, numCompletions));
        return new LineCost(canvas, Math.Min(canvas, completionTokens), (long)numCompletions * numSamples, tokens * numSamples);
    }

    private static int NumOpenGaps(string? text) => text is null ? 0 : GapMarks.LengthsIn(text).Count(length => length is null);

    private static int GapTokens(string? text)
    {
        if (text is null)
            return DefaultNewTokens;
        long tokens = GapMarks.LengthsIn(text).Sum(length => length ?? DefaultGapTokens);
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
