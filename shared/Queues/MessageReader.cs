using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Queues;

/// <summary>Reads the texts of queue messages.</summary>
public static class MessageReader
{
    private static readonly JsonSerializerOptions s_strict = new(WireJson.Options)
    {
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    /// <returns>Null for a text that is no message of this kind, at this attempt or any other.</returns>
    public static T? TryRead<T>(string text)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize<T>(text, s_strict);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
