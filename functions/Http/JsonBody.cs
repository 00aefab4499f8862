using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Http;

/// <summary>Reads the JSON bodies of requests.</summary>
internal static class JsonBody
{
    private const int MaxBytes = 1 << 20;

    /// <returns>A reader of the object; its faults are 400 by the name of the parameter.</returns>
    /// <exception cref="ApiException">400 when the body is not JSON or not an object, 413 when it is too large.</exception>
    public static async Task<JsonReader> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        byte[] bytes = new byte[MaxBytes + 1];
        int count = await request.Body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellation);
        if (count > MaxBytes)
            throw ApiException.TooLarge($"A JSON body may have at most {MaxBytes} bytes", param: null);
        var json = Parse(bytes.AsMemory(0, count), "The body");
        return json.ValueKind == JsonValueKind.Object ? Read(json) : throw ApiException.InvalidRequest("The body must be a JSON object");
    }

    /// <param name="what">The text in messages, such as <c>The body</c>.</param>
    /// <param name="param">The parameter at fault; null for the body itself.</param>
    /// <exception cref="ApiException">400 when it is not JSON.</exception>
    public static JsonElement Parse(ReadOnlyMemory<byte> bytes, string what, string? param = null)
    {
        try
        {
            return StrictJson.Parse(bytes);
        }
        catch (InvalidJsonException invalid)
        {
            throw ApiException.InvalidRequest($"{what} is not valid JSON: {invalid.Message}", param);
        }
    }

    /// <param name="json">An object.</param>
    /// <param name="path">The path of the object; empty for the body itself.</param>
    public static JsonReader Read(JsonElement json, string path = "") => new(json, ApiException.InvalidRequest, path);
}
