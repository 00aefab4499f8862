namespace LLaDA.Batch.Worker.Models;

/// <summary>A line between two denoising steps.</summary>
/// <param name="Block">The block in work, from 0.</param>
/// <param name="Step">Steps done.</param>
/// <param name="NumMasked">Tokens that are still masked.</param>
/// <param name="ToText">May be called later, from any thread.</param>
internal readonly record struct LineStep(int Block, int Step, int NumMasked, Func<ShownText> ToText)
{
    /// <summary>Which of the line's answers it is, from 0.</summary>
    public int Answer { get; init; }
}

/// <param name="Text">The text as it is, with a character for each mask.</param>
/// <param name="NumSettled">UTF-16 units at its start that are the start of the answer, whatever the steps to come do.</param>
internal readonly record struct ShownText(string Text, int NumSettled);
