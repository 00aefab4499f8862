namespace LLaDA.Batch.Train.BundledData.Work;

/// <summary>
/// Made-up letters, forms and notes of a small town: a language that a small model can learn whole. What is said twice in a document
/// (a name, a thing, a fault and its repair) agrees, so that the context of a gap decides it.
/// </summary>
internal static class WorkDocuments
{
    private const int Seed = 20;

    private static readonly Func<Draw, string>[] s_writers = [Letters.Write, Letters.Write, Forms.Write, Notes.Write];

    /// <summary>Different documents; fewer than asked for where drawing gives one twice.</summary>
    public static IEnumerable<string> Write(int count)
    {
        HashSet<string> written = new(StringComparer.Ordinal);
        for (int number = 0; number < count; number++)
        {
            var draw = new Draw(Seed, number);
            string document = draw.Of(s_writers)(draw);
            if (written.Add(document))
                yield return document;
        }
    }
}
