using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Api;

/// <summary>A request that cannot be answered as asked; becomes OpenAI's error envelope.</summary>
public sealed class ApiException(int status, ApiError error) : Exception(error.Message)
{
    public int Status { get; } = status;

    public ApiError Error { get; } = error;

    public static ApiException InvalidRequest(string message, string? param = null, string? code = null) =>
        new(StatusCodes.Status400BadRequest, new ApiError(message, "invalid_request_error", param, code));

    public static ApiException NotFound(string what) =>
        new(StatusCodes.Status404NotFound, new ApiError($"No such {what}", "invalid_request_error", Param: null, "not_found"));

    public static ApiException TooLarge(string message) =>
        new(StatusCodes.Status413PayloadTooLarge, new ApiError(message, "invalid_request_error", "file", "file_too_large"));

    /// <summary>The same words whether the key is missing, malformed, unknown or revoked.</summary>
    public static ApiException Unauthorized() => new(
        StatusCodes.Status401Unauthorized,
        new ApiError("Give a valid API key, as 'Authorization: Bearer KEY' or 'api-key: KEY'", "authentication_error", Param: null, "invalid_api_key"));
}
