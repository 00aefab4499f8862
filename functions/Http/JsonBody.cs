using System.Buffers;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Http;

/// <summary>Reads the JSON bodies of requests.</summary>
internal static class JsonBody
{
    private const int MaxBytes = 1 << 20, FirstBytes = 4 << 10;

    /// <param name="maxBytes">Of the body.</param>
    /// <returns>A reader of the object; its faults are 400 by the name of the parameter.</returns>
    /// <exception cref="ApiException">400 when the body is not JSON or not an object, 413 when it is too large.</exception>
    public static async Task<JsonReader> ReadAsync(HttpRequest request, CancellationToken cancellation, int maxBytes = MaxBytes) =>
        ReadObject(await BytesAsync(request, maxBytes, cancellation));

    /// <summary>Likewise, for a body that may be left out.</summary>
    /// <returns>A reader of an empty object where there is no body.</returns>
    public static async Task<JsonReader> ReadOptionalAsync(HttpRequest request, CancellationToken cancellation)
    {
        var bytes = await BytesAsync(request, MaxBytes, cancellation);
        return ReadObject(bytes.IsEmpty ? "{}"u8.ToArray() : bytes);
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

    private static JsonReader ReadObject(ReadOnlyMemory<byte> bytes)
    {
        var json = Parse(bytes, "The body");
        return json.ValueKind == JsonValueKind.Object ? Read(json) : throw ApiException.InvalidRequest("The body must be a JSON object");
    }

    /// <summary>Takes as much memory as the body has bytes, whatever it may have at most.</summary>
    private static async Task<ReadOnlyMemory<byte>> BytesAsync(HttpRequest request, int maxBytes, CancellationToken cancellation)
    {
        var bytes = new ArrayBufferWriter<byte>(FirstBytes);
        while (await request.Body.ReadAsync(bytes.GetMemory(), cancellation) is var count and > 0)
        {
            bytes.Advance(count);
            if (bytes.WrittenCount > maxBytes)
                throw ApiException.TooLarge($"A JSON body may have at most {maxBytes} bytes", param: null);
        }
        return bytes.WrittenMemory;
    }
}
