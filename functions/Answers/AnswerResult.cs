using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// The line of a part as the answer to its own request: OpenAI's object, or OpenAI's envelope of an error, under its status.
/// </summary>
internal static class AnswerResult
{
    private const string Type = "application/json";

    /// <exception cref="ApiException">The line was not run.</exception>
    public static IResult Of(PartLine line)
    {
        var (status, body) = Read(line);
        return Results.Text(body.GetRawText(), Type, statusCode: status);
    }

    /// <summary>The object of the endpoint.</summary>
    /// <exception cref="ApiException">The line was not run, or its endpoint refused it.</exception>
    public static JsonObject BodyOf(PartLine line)
    {
        var (status, body) = Read(line);
        return status < StatusCodes.Status400BadRequest
            ? JsonObject.Create(body)!
            : throw new ApiException(status, body.Deserialize<ApiErrorBody>(WireJson.Options)!.Error);
    }

    private static (int Status, JsonElement Body) Read(PartLine line)
    {
        var output = JsonElement.Parse(line.Json);
        return output.Find("response") is { } response
            ? (response.GetProperty("status_code").GetInt32(), response.GetProperty("body"))
            : throw NotRun(output.GetProperty("error").Deserialize<LineError>(WireJson.Options)!);
    }

    private static ApiException NotRun(LineError error)
    {
        var (status, message) = error.Code switch
        {
            _ when error.Code == NotRunReason.Expired.Code => (
                StatusCodes.Status504GatewayTimeout, "No worker answered within an hour; send the request again"),
            _ when error.Code == NotRunReason.Cancelled.Code => (
                StatusCodes.Status409Conflict, "The client hung up before it was answered; send the request again"),
            _ => (StatusCodes.Status500InternalServerError, error.Message),
        };
        return new ApiException(status, new ApiError(message, "server_error", Param: null, error.Code)) { ShouldRetry = false };
    }
}
