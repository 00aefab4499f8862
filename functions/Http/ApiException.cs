using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Http;

/// <summary>A request that cannot be answered as asked; becomes OpenAI's error envelope.</summary>
public sealed class ApiException(int status, ApiError error) : Exception(error.Message)
{
    public int Status { get; } = status;

    public ApiError Error { get; } = error;

    /// <summary>Sent as <c>Retry-After</c>: without it OpenAI's .NET client retries at once.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>Sent as <c>x-should-retry</c>: without it OpenAI's other clients retry a conflict.</summary>
    public bool? ShouldRetry { get; init; }

    public static ApiException InvalidRequest(string message, string? param = null, string? code = null) =>
        new(StatusCodes.Status400BadRequest, new ApiError(message, "invalid_request_error", param, code));

    /// <summary>The request contradicts the state of an object; a retry changes nothing.</summary>
    public static ApiException Conflict(string message, string code) =>
        new(StatusCodes.Status409Conflict, new ApiError(message, "invalid_request_error", Param: null, code)) { ShouldRetry = false };

    /// <param name="wait">How long a client should wait before it retries.</param>
    public static ApiException TooMany(string message, string code, TimeSpan wait) =>
        new(StatusCodes.Status429TooManyRequests, new ApiError(message, "rate_limit_error", Param: null, code)) { RetryAfter = wait };

    /// <param name="what">The kind of object and its id. A long one is quoted by its beginning.</param>
    /// <param name="advice">A further sentence: what exists, or what to do instead.</param>
    public static ApiException NotFound(string what, string? advice = null)
    {
        string sentence = $"No such {Excerpt.Of(what)}";
        string message = advice is null ? sentence : $"{sentence}. {advice}";
        return new(StatusCodes.Status404NotFound, new ApiError(message, "invalid_request_error", Param: null, "not_found"));
    }

    /// <summary>An object whose content storage has lost; a retry changes nothing.</summary>
    public static ApiException Lost(string message, string code) =>
        new(StatusCodes.Status404NotFound, new ApiError(message, "invalid_request_error", Param: null, code)) { ShouldRetry = false };

    /// <summary>The tenant may see the object and may not change it.</summary>
    public static ApiException Forbidden(string message) =>
        new(StatusCodes.Status403Forbidden, new ApiError(message, "permission_error", Param: null, "forbidden"));

    public static ApiException TooLarge(string message, string? param = "file") =>
        new(StatusCodes.Status413PayloadTooLarge, new ApiError(message, "invalid_request_error", param, "too_large"));

    /// <summary>One sentence for a missing, malformed, unknown and revoked key.</summary>
    public static ApiException Unauthorized() => new(
        StatusCodes.Status401Unauthorized,
        new ApiError(
            "Give a valid API key, as 'Authorization: Bearer KEY' or 'api-key: KEY'",
            "authentication_error",
            Param: null,
            "invalid_api_key"));
}
