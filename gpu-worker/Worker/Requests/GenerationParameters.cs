using System.Text.Json;
using LLaDA.Batch.Worker.Models;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>What completions and chat have in common.</summary>
internal static class GenerationParameters
{
    /// <summary>Masks of a block where a line names no length; the canvas is filled block by block, as LLaDA's instruction-tuned models want it.</summary>
    public const int DefaultBlockLength = 32;

    private const int MaxStops = 4;

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
            : throw RequestBody.Invalid("stop", $"must be a text, or up to {MaxStops}, none of them empty");
    }

    /// <summary>Refuses a canvas that is longer than the model's context.</summary>
    /// <param name="asked">What the line asks for; null takes the default, or what fits.</param>
    /// <returns>The number of new tokens.</returns>
    public static int NewTokens(LoadedModel model, int numGiven, int? asked, int usual)
    {
        if (asked is < 1)
            throw RequestBody.Invalid("max_tokens", "must be at least 1");
        int room = model.ContextLength - numGiven;
        int newTokens = asked ?? Math.Min(usual, room);
        return newTokens <= room && room > 0
            ? newTokens
            : throw new LineException(
                "context_length_exceeded", $"The given text has {numGiven} tokens and {newTokens} new ones were asked for, but the model's context is {model.ContextLength}", "max_tokens");
    }
}
