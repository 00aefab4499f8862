namespace LLaDA.Diffusion.Text.Templates;

/// <summary>A chat template uses something that is not computed, or fails on a dialogue.</summary>
internal class TemplateException(string message) : FormatException(message);

/// <summary>A chat template refuses a dialogue by its own <c>raise_exception</c>.</summary>
internal sealed class DialogueRefusedException(string message) : TemplateException(message);
