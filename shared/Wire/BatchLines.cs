using System.Text.Json;

namespace LLaDA.Batch.Shared.Wire;

/// <summary>A line of a batch's input file, checked by the plan.</summary>
/// <param name="Line">Its number in the file, from 1 on.</param>
/// <param name="Body">The request, as it was sent.</param>
public sealed record ShardLine(int Line, string CustomId, JsonElement Body);

/// <summary>A line of an output or error file.</summary>
public sealed record OutputLine(string Id, string CustomId, LineResponse? Response, LineError? Error);

/// <param name="Body">The endpoint's answer, or an <see cref="ApiErrorBody"/>.</param>
public sealed record LineResponse(int StatusCode, string RequestId, object Body);

/// <summary>Why a line was not run at all.</summary>
public sealed record LineError(string Code, string Message);
