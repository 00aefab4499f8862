using System.Text.Json;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>Parameters that completions and chat share.</summary>
internal static class GenerationParameters
{
    private const int MaxStops = 4, MaxAnswers = 16;

    /// <summary>Whether the answer says how it came about.</summary>
    public static bool ReadTrace(RequestBody body) => body.Flag("trace") ?? false;

    /// <summary>OpenAI's <c>n</c>: how many answers to give.</summary>
    public static int ReadNumAnswers(RequestBody body)
    {
        int count = body.Integer("n") ?? 1;
        return count is >= 1 and <= MaxAnswers ? count : throw body.Invalid("n", $"is {count}; it must lie in [1, {MaxAnswers}]");
    }

    /// <summary>OpenAI's <c>stop</c>: a text or up to four.</summary>
    public static IReadOnlyList<string> ReadStops(RequestBody body)
    {
        string[]? stops = body.Find("stop") switch
        {
            null => [],
            { ValueKind: JsonValueKind.String } text => [text.GetString()!],
            { ValueKind: JsonValueKind.Array } texts when texts.EnumerateArray().All(text => text.ValueKind == JsonValueKind.String) =>
                [.. texts.EnumerateArray().Select(text => text.GetString()!)],
            _ => null,
        };
        return stops is not null && stops.Length <= MaxStops && Array.TrueForAll(stops, stop => stop.Length > 0)
            ? stops
            : throw body.Invalid("stop", $"must be a text, or a list of up to {MaxStops} texts, none of them empty");
    }
}
