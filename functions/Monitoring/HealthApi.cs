using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Monitoring;

/// <summary><c>/healthz</c>: the process lives. <c>/readyz</c>: storage answers, or 503 and what of it does not.</summary>
internal static class HealthApi
{
    public const string LivePath = "/healthz", ReadyPath = "/readyz";

    public static void Map(IEndpointRouteBuilder endpoints)
    {
        endpoints.MapGet(LivePath, () => "ok");
        endpoints.MapGet(ReadyPath, ReadyAsync);
    }

    private static async Task<IResult> ReadyAsync(Readiness readiness)
    {
        var answer = await readiness.AskAsync();
        return Results.Json(answer, WireJson.Options, statusCode: answer.IsReady() ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }
}
