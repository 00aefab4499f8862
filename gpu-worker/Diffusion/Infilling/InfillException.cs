namespace LLaDA.Diffusion.Infilling;

/// <summary>A text cannot be filled. The code is for programs, such as <c>no_gap</c>; the message is for people.</summary>
public sealed class InfillException(string code, string message) : Exception(message)
{
    public string Code { get; } = code;
}
