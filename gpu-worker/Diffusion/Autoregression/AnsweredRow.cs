namespace LLaDA.Diffusion.Autoregression;

/// <summary>A prompt, and the answer whose likelihood is asked for.</summary>
/// <param name="Prompt">At least one token.</param>
public sealed record AnsweredRow(IReadOnlyList<int> Prompt, IReadOnlyList<int> Answer)
{
    public int Length => Prompt.Count + Answer.Count;
}
