using System.Text.Json;

namespace LLaDA.Batch.Functions.Http;

/// <summary>Reads the JSON bodies of requests.</summary>
internal static class JsonBody
{
    private const int MaxBytes = 1 << 20;

    /// <returns>An object.</returns>
    /// <exception cref="ApiException">400 when it is not JSON or not an object, 413 when it is too large.</exception>
    public static async Task<JsonElement> ReadAsync(HttpRequest request, CancellationToken cancellation)
    {
        byte[] bytes = new byte[MaxBytes + 1];
        int count = await request.Body.ReadAtLeastAsync(bytes, bytes.Length, throwOnEndOfStream: false, cancellation);
        if (count > MaxBytes)
            throw ApiException.TooLarge($"A JSON body may have at most {MaxBytes} bytes", param: null);
        JsonElement body;
        try
        {
            using var json = JsonDocument.Parse(bytes.AsMemory(0, count), new JsonDocumentOptions { AllowDuplicateProperties = false });
            body = json.RootElement.Clone();
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw ApiException.InvalidRequest("The body is not JSON");
        }
        if (!IsText(body))
            throw ApiException.InvalidRequest("The body has a string that is no text");
        return body.ValueKind == JsonValueKind.Object ? body : throw ApiException.InvalidRequest("The body must be a JSON object");
    }

    /// <summary>A string that must be there.</summary>
    public static string Text(JsonElement body, string name) =>
        OptionalText(body, name) is { Length: > 0 } text ? text : throw ApiException.InvalidRequest($"{name} is required and must be a string", name, "missing_required_parameter");

    /// <returns>Null when it is absent or null.</returns>
    public static string? OptionalText(JsonElement body, string name) =>
        !body.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString()
        : throw ApiException.InvalidRequest($"{name} must be a string", name);

    /// <summary>Whether all strings can be read: JSON's grammar lets <c>"\ud800"</c> pass, half of a surrogate pair.</summary>
    public static bool IsText(JsonElement json)
    {
        try
        {
            return json.ValueKind switch
            {
                JsonValueKind.String => json.GetString() is not null,
                JsonValueKind.Array => json.EnumerateArray().All(IsText),
                JsonValueKind.Object => json.EnumerateObject().All(property => property.Name is not null && IsText(property.Value)),
                _ => true,
            };
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
