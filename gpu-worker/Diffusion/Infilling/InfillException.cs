namespace LLaDA.Diffusion.Infilling;

/// <summary>A text cannot be filled. The code is for programs, such as <c>no_gap</c>; the message is for people.</summary>
/// <param name="parameter">What of the request is wrong: <c>text</c>, or an option by its name in the API.</param>
public sealed class InfillException(string code, string message, string parameter = "text") : Exception(message)
{
    public string Code { get; } = code;

    public string Parameter { get; } = parameter;
}
