using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>An estimate of what a line costs, made without a tokenizer: enough to group lines of like length and to cut shards of like duration.</summary>
/// <param name="CanvasTokens">Tokens of its canvas.</param>
/// <param name="TokenForwards">Canvas tokens times forward passes.</param>
internal readonly partial record struct LineCost(int CanvasTokens, long TokenForwards)
{
    /// <summary>Forward passes that the search for the length of an open gap takes: eight lengths, one token a step, with four known tokens each.</summary>
    private const int SearchForwards = 68;

    private const int BytesPerToken = 4, DefaultNewTokens = 16, DefaultGapTokens = 4, DefaultSamples = 128, MaxTokens = 1 << 20;

    public static LineCost Of(JsonElement body)
    {
        int textTokens = TextBytes(body) / BytesPerToken;
        if (body.TryGetProperty("completions", out var completions) && completions.ValueKind == JsonValueKind.Array)
            return Score(textTokens, TextBytes(completions) / BytesPerToken, completions.GetArrayLength(), Math.Clamp(Number(body, "num_samples") ?? DefaultSamples, 1, MaxTokens));
        int newTokens = Math.Clamp(Number(body, "max_tokens") ?? Number(body, "max_completion_tokens") ?? GapTokens(body), 1, MaxTokens);
        int canvas = textTokens + newTokens;
        int steps = Math.Clamp(Number(body, "steps") ?? newTokens, 1, MaxTokens);
        return new LineCost(canvas, (long)canvas * (steps + (SearchForwards * NumOpenGaps(body))));
    }

    /// <summary>Each completion passes behind the prompt once a sample.</summary>
    private static LineCost Score(int textTokens, int completionTokens, int numCompletions, int numSamples)
    {
        int promptTokens = textTokens - completionTokens;
        long tokens = ((long)promptTokens * numCompletions) + completionTokens;
        return new LineCost(promptTokens + (completionTokens / Math.Max(1, numCompletions)), tokens * numSamples);
    }

    private static int NumOpenGaps(JsonElement body) =>
        body.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String ? GapPattern().Matches(text.GetString()!).Count(gap => !gap.Groups["length"].Success) : 0;

    private static int GapTokens(JsonElement body)
    {
        if (!body.TryGetProperty("text", out var text) || text.ValueKind != JsonValueKind.String)
            return DefaultNewTokens;
        long tokens = GapPattern().Matches(text.GetString()!).Sum(gap => long.TryParse(gap.Groups["length"].ValueSpan, out long length) ? length : DefaultGapTokens);
        return (int)Math.Min(tokens, MaxTokens);
    }

    private static int? Number(JsonElement body, string name) =>
        body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number) ? number : null;

    /// <summary>Bytes of all strings of the body, those of nested messages included.</summary>
    private static int TextBytes(JsonElement json) => json.ValueKind switch
    {
        JsonValueKind.String => Encoding.UTF8.GetByteCount(json.GetString()!),
        JsonValueKind.Array => json.EnumerateArray().Sum(TextBytes),
        JsonValueKind.Object => json.EnumerateObject().Sum(property => TextBytes(property.Value)),
        _ => 0,
    };

    [GeneratedRegex(@"\[MASK(:(?<length>[0-9]{1,7}))?\]", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex GapPattern();
}
