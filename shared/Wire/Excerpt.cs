namespace LLaDA.Batch.Shared.Wire;

/// <summary>Quotes client text in messages: a row of a table takes 32 K characters, and a line may have millions.</summary>
public static class Excerpt
{
    private const int MaxLength = 100;

    public static string Of(string? text)
    {
        if (text is null || text.Length <= MaxLength)
            return text ?? "";
        int length = char.IsHighSurrogate(text[MaxLength - 1]) ? MaxLength - 1 : MaxLength;
        return text[..length] + "...";
    }
}
