namespace LLaDA.Diffusion;

/// <summary>An option that is out of range or contradicts another one.</summary>
/// <param name="Parameter">The option's name on the wire, such as <c>block_length</c>.</param>
/// <param name="Sentence">What is wrong, with the value and its range.</param>
public sealed record OptionError(string Parameter, string Sentence);
