using LLaDA.Batch.Functions.Http;

namespace LLaDA.Batch.Functions.Idempotency;

/// <summary>The header <c>Idempotency-Key</c>: by it a client that does not know what became of its request asks again.</summary>
internal static class IdempotencyKey
{
    public const string Header = "Idempotency-Key";

    private const int MaxKeyLength = 255;

    /// <returns>Null when the request has none.</returns>
    /// <exception cref="ApiException">400: it is empty, too long, or has other characters than visible ASCII.</exception>
    public static string? Read(HttpRequest request)
    {
        if (!request.Headers.TryGetValue(Header, out var values))
            return null;
        string key = values.ToString();
        if (values.Count == 1 && key.Length is > 0 and <= MaxKeyLength && key.All(character => character is > ' ' and <= '~'))
            return key;
        throw ApiException.InvalidRequest(
            $"{Header} must be one text of 1 to {MaxKeyLength} visible ASCII characters", Header, "invalid_idempotency_key");
    }
}
