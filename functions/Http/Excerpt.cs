namespace LLaDA.Batch.Functions.Http;

/// <summary>Quotes what a client wrote in a message that is kept in a row: a row's text ends at 32 K characters, and a line may have millions.</summary>
internal static class Excerpt
{
    private const int MaxLength = 100;

    public static string Of(string? text) => text is null || text.Length <= MaxLength ? text ?? "" : text[..(char.IsHighSurrogate(text[MaxLength - 1]) ? MaxLength - 1 : MaxLength)] + "...";
}
