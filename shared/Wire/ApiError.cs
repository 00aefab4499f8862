namespace LLaDA.Batch.Shared.Wire;

/// <summary>What went wrong, in OpenAI's words: clients match on the type and the code.</summary>
/// <param name="Type">Such as <c>invalid_request_error</c>.</param>
/// <param name="Code">For programs.</param>
/// <param name="Param">The parameter at fault, where it is one.</param>
public sealed record ApiError(string Message, string Type, string? Param, string? Code);

/// <summary>OpenAI's envelope of an error.</summary>
public sealed record ApiErrorBody(ApiError Error);
