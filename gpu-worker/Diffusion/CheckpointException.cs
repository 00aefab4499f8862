namespace LLaDA.Diffusion;

/// <summary>
/// A checkpoint cannot be used; the message names the file or tensor and what is wrong with it, in one line of bounded length: a hostile
/// file would otherwise fill logs with what it holds.
/// </summary>
public sealed class CheckpointException(string subject, string fault) : Exception($"{OneLine(subject)} {OneLine(fault)}")
{
    private const int MaxLength = 1_000;

    private static string OneLine(string text)
    {
        int length = text.Length <= MaxLength ? text.Length : char.IsHighSurrogate(text[MaxLength - 1]) ? MaxLength - 1 : MaxLength;
        string line = text[..length].ReplaceLineEndings(" ");
        return length == text.Length ? line : line + "...";
    }
}
