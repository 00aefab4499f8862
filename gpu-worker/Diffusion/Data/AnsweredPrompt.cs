namespace LLaDA.Diffusion.Data;

/// <summary>A prompt and the answer that fine-tuning data has to it.</summary>
/// <param name="Turn">Which answer of its dialogue it is, from 1 on; those that are not learnt do not count.</param>
/// <param name="Prompt">From the beginning of text to where the answer begins.</param>
/// <param name="Answer">Ends with the end of text.</param>
public sealed record AnsweredPrompt(int Turn, int[] Prompt, int[] Answer);
