using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Batches;

/// <summary>Makes the lines of output and error files.</summary>
public static class OutputLines
{
    /// <summary>An answered request.</summary>
    public static PartLine Answered(ShardLine line, object body) =>
        Make(line, isError: false, new LineResponse(200, NewId("req_"), body), error: null);

    /// <summary>A request that its endpoint refused.</summary>
    public static PartLine Refused(ShardLine line, int status, ApiError error) =>
        Make(line, isError: true, new LineResponse(status, NewId("req_"), new ApiErrorBody(error)), error: null);

    /// <summary>A request that never reached its endpoint.</summary>
    public static PartLine NotRun(ShardLine line, NotRunReason reason) => NotRun(line, new LineError(reason.Code, reason.Message));

    /// <summary>A request that could not be made at all.</summary>
    public static PartLine NotRun(ShardLine line, LineError error) => Make(line, isError: true, response: null, error);

    private static PartLine Make(ShardLine line, bool isError, LineResponse? response, LineError? error)
    {
        var output = new OutputLine(NewId("batch_req_"), line.CustomId, response, error);
        return new PartLine(line.Line, isError, JsonSerializer.Serialize(output, WireJson.Options));
    }

    private static string NewId(string prefix) => prefix + Guid.NewGuid().ToString("N");
}
