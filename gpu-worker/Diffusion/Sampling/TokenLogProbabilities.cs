namespace LLaDA.Diffusion.Sampling;

/// <summary>What the model gave a committed token, and the tokens most probable in its place, in the step that committed it.</summary>
/// <param name="LogProbability">
/// Natural logarithm of the token's probability over the full vocabulary, at most 0: the model's own, before temperature and penalties.
/// </param>
/// <param name="Top">The most probable of the tokens that may stand there, best first; it need not hold the committed one.</param>
public sealed record TokenLogProbabilities(double LogProbability, IReadOnlyList<TokenLogProbability> Top)
{
    /// <summary>The most tokens that a row may ask for, as in OpenAI's API.</summary>
    public const int MaxTop = 20;
}

/// <param name="LogProbability">As <see cref="TokenLogProbabilities.LogProbability"/>.</param>
public readonly record struct TokenLogProbability(int Token, double LogProbability);
