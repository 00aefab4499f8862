namespace LLaDA.Diffusion.Evaluation;

/// <summary>A gap cut from a document.</summary>
/// <param name="Prefix">From the beginning of text, at least one token.</param>
/// <param name="Suffix">At least one token.</param>
public sealed record GapTask(int[] Prefix, int[] Gap, int[] Suffix)
{
    /// <summary>
    /// Cuts one gap from each document that is long enough, at a place drawn from the seed; the first and the last token stay.
    /// </summary>
    public static IReadOnlyList<GapTask> Cut(IEnumerable<HeldOutDocument> documents, int length, ulong seed)
    {
        var random = new CounterRandom(seed);
        return [.. documents.Index().Where(document => document.Item.Tokens.Length >= length + 2).Select(document =>
        {
            int[] tokens = document.Item.Tokens;
            ulong numStarts = (ulong)(tokens.Length - length - 1);
            int start = 1 + (int)random.Below(numStarts, (uint)document.Index, (ulong)length, RandomStream.GapStart);
            return new GapTask(tokens[..start], tokens[start..(start + length)], tokens[(start + length)..]);
        })];
    }
}
