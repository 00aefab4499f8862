namespace LLaDA.Diffusion.Infilling;

/// <summary>The sizes of what a fill computes, known before it begins. A gap of unknown length counts as its bound.</summary>
/// <param name="Windows">Of each infill window.</param>
/// <param name="Searches">By gap of unknown length: tokens around it.</param>
/// <param name="Choices">Of each choice of each gap.</param>
public sealed record InfillSizes(
    IReadOnlyList<WindowSize> Windows, IReadOnlyList<int> Searches, IReadOnlyList<ChoiceSize> Choices);

/// <param name="Tokens">Of its canvas.</param>
/// <param name="TokenForwards">The most tokens that pass through the network.</param>
public readonly record struct WindowSize(int Tokens, long TokenForwards);

/// <param name="Tokens">Of its canvas.</param>
/// <param name="Samples">How often it passes.</param>
public readonly record struct ChoiceSize(int Tokens, int Samples);
