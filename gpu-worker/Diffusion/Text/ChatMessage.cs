namespace LLaDA.Diffusion.Text;

/// <summary>One message of a dialogue.</summary>
/// <param name="Role">Such as system, user or assistant.</param>
public sealed record ChatMessage(string Role, string Content);
