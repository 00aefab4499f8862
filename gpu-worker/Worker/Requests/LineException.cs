using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>A line with an invalid request; it goes to the error file, and the other lines are run.</summary>
internal sealed class LineException(string code, string message, string? param = null) : Exception(message)
{
    public ApiError Error { get; } = new(message, "invalid_request_error", param, code);
}
