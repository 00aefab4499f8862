namespace LLaDA.Diffusion.Infilling;

/// <summary>A text cannot be filled; the code is for programs, the message for their users.</summary>
public sealed class InfillException(string code, string message) : Exception(message)
{
    public string Code { get; } = code;
}
