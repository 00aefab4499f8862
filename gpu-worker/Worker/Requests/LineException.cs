using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>A line that cannot be run as asked; it goes to the error file, and the others go on.</summary>
public sealed class LineException(string code, string message, string? param = null) : Exception(message)
{
    public ApiError Error { get; } = new(message, "invalid_request_error", param, code);
}
