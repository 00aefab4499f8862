using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>The answer of a line.</summary>
/// <param name="Body">The endpoint's answer, as it is serialised.</param>
internal sealed record LineAnswer(object Body, LineUsage Usage);
