using LLaDA.Batch.Functions.Http;

namespace LLaDA.Batch.Functions.Monitoring;

/// <summary><c>/healthz</c>: the process lives. <c>/readyz</c>: storage answers, or 503 with the services that do not.</summary>
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
        return Results.Wire(answer, answer.IsReady() ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }
}
