namespace LLaDA.Diffusion.Data;

/// <summary>A prompt of fine-tuning data with its answer, as tokens.</summary>
/// <param name="Turn">The number of the answer among the learnt ones of its dialogue, from 1 on.</param>
/// <param name="Prompt">From the beginning of text to where the answer begins.</param>
/// <param name="Answer">Up to and with the end of text.</param>
public sealed record AnsweredPrompt(int Turn, int[] Prompt, int[] Answer);
