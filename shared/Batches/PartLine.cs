namespace LLaDA.Batch.Shared.Batches;

/// <summary>
/// One finished line in a part: its number, whether it goes to the error file, and the JSON of the output line. Written as
/// <c>12 o {...}</c> or <c>12 e {...}</c>, so that joining parts parses no JSON.
/// </summary>
public readonly record struct PartLine(int Line, bool IsError, string Json)
{
    public override string ToString() => $"{Line} {(IsError ? 'e' : 'o')} {Json}";

    public static PartLine Parse(string text)
    {
        int space = text.IndexOf(' ', StringComparison.Ordinal);
        return new PartLine(int.Parse(text.AsSpan(0, space)), text[space + 1] == 'e', text[(space + 3)..]);
    }
}
