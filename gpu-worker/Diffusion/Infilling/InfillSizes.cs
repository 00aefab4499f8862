namespace LLaDA.Diffusion.Infilling;

/// <summary>The sizes of what a fill computes, known before it begins. A gap of unknown length counts as its bound.</summary>
/// <param name="Windows">Of each infill window, the tokens of its canvas and the most tokens that pass through the network.</param>
/// <param name="Searches">Of each gap of unknown length, the tokens around it and those behind it that are scored.</param>
public sealed record InfillSizes(IReadOnlyList<(int Tokens, long TokenForwards)> Windows, IReadOnlyList<(int Around, int Forced)> Searches);
