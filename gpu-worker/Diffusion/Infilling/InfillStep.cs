using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Infilling;

/// <summary>A text between two denoising steps.</summary>
/// <param name="Window">The infill window in work, from 0.</param>
/// <param name="Block">The block of the window, from 0.</param>
/// <param name="Step">Steps done in the window.</param>
/// <param name="NumMasked">Tokens of the whole text that are still masked.</param>
/// <param name="ToText">The text as it is, each mask as <see cref="MaskedText.Mask"/>. It may be called later, from any thread.</param>
public readonly record struct InfillStep(int Window, int Block, int Step, int NumMasked, Func<string> ToText);
