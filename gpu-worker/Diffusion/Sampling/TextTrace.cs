namespace LLaDA.Diffusion.Sampling;

/// <summary>How a stretch of tokens came about. All lists but the last one are by token.</summary>
/// <param name="Steps">The step, from 1, that committed the token; 0 where no step did.</param>
/// <param name="Confidences">Its probability in that step.</param>
/// <param name="TakenBack">Tokens that did not stay; their positions count from the first token of the stretch.</param>
public sealed record TextTrace(
    IReadOnlyList<int> Tokens, IReadOnlyList<int> Steps, IReadOnlyList<double> Confidences, IReadOnlyList<TokenTakenBack> TakenBack)
{
    /// <returns>Null for a row without a trace.</returns>
    public static TextTrace? Of(SampledRow row, int start, int count)
    {
        if (row.Trace is not { } trace)
            return null;
        int end = start + count;
        return new TextTrace(
            row.Tokens[start..end],
            [.. trace.Steps.Skip(start).Take(count)],
            row.Confidence[start..end],
            [.. trace.TakenBack.Where(taken => taken.Position >= start && taken.Position < end)
                .Select(taken => taken with { Position = taken.Position - start })]);
    }
}
