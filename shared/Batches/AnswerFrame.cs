namespace LLaDA.Batch.Shared.Batches;

/// <summary>An answer between two denoising steps, as its worker shows it.</summary>
/// <param name="Block">The block in work, from 0.</param>
/// <param name="Step">Steps done.</param>
/// <param name="MasksLeft">Tokens that are still masked.</param>
/// <param name="Text">The text as it is, with a character for each mask.</param>
/// <param name="Settled">UTF-16 units at the start of the text that never change any more.</param>
/// <param name="Answer">Which of the line's answers it is, from 0.</param>
public sealed record AnswerFrame(int Block, int Step, int MasksLeft, string Text, int Settled, int Answer = 0);
