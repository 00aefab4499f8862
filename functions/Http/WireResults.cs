using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Http;

/// <summary>Answers in the JSON of the wire.</summary>
internal static class WireResults
{
    extension(Results)
    {
        public static IResult Wire<T>(T value, int status = StatusCodes.Status200OK) =>
            Results.Json(value, WireJson.Options, statusCode: status);
    }
}
