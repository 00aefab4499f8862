namespace LLaDA.Diffusion.Training.Bounds;

/// <summary>The noised rows by which the likelihood bound of a response is estimated.</summary>
/// <param name="Count">n, at least 1.</param>
/// <param name="IsAntithetic">
/// Whether levels are spread evenly and come in pairs t and 1 - t with complementary masks: the same expectation with less variance.
/// </param>
internal sealed record BoundSamples(int Count, bool IsAntithetic);
