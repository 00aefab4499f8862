namespace LLaDA.Diffusion.Text.Templates;

/// <summary>A chat template uses something that is not computed, or fails on a dialogue.</summary>
/// <param name="message">A sentence; one that quotes a long name of the template is cut.</param>
internal class TemplateException(string message) : FormatException(Cut(message))
{
    private const int MaxLength = 500;

    private static string Cut(string message) => message.Length <= MaxLength ? message : $"{message[..MaxLength]}...";
}

/// <summary>A chat template refuses a dialogue by its own <c>raise_exception</c>.</summary>
internal sealed class DialogueRefusedException(string message) : TemplateException(message);
