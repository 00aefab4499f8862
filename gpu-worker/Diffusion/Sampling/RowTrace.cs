namespace LLaDA.Diffusion.Sampling;

/// <summary>How a row came about.</summary>
/// <param name="Steps">By position: the step, from 1, that committed the token; 0 where no step did, as behind an end.</param>
/// <param name="TakenBack">Committed tokens that did not stay, in the order in which they were taken back.</param>
public sealed record RowTrace(IReadOnlyList<int> Steps, IReadOnlyList<TokenTakenBack> TakenBack);

/// <summary>A committed token that was masked again or replaced.</summary>
/// <param name="Position">In the canvas.</param>
/// <param name="Confidence">As for a token that stays: its probability in the step that committed it.</param>
/// <param name="Step">The step that committed it, from 1.</param>
/// <param name="TakenBackAt">The step that took it back.</param>
public sealed record TokenTakenBack(int Position, int Token, double Confidence, int Step, int TakenBackAt);

/// <summary>Records the trace of a row.</summary>
internal sealed class RowTracer(int length)
{
    private readonly int[] _steps = new int[length];
    private readonly List<TokenTakenBack> _takenBack = [];

    public void Commit(int position, int step) => _steps[position] = step;

    public void TakeBack(int position, int token, double confidence, int step)
    {
        _takenBack.Add(new TokenTakenBack(position, token, confidence, _steps[position], step));
        _steps[position] = 0;
    }

    /// <param name="start">Positions before it are virtual tokens and left out.</param>
    /// <param name="end">Positions from it on are padding and left out.</param>
    public RowTrace ToTrace(int start, int end) => new(
        _steps[start..end],
        [.. _takenBack.Where(taken => taken.Position < end).Select(taken => taken with { Position = taken.Position - start })]);
}
