using System.Text;

namespace LLaDA.Batch.Shared.Grading;

/// <summary>Measures of likeness, from 0 to 1; of equal texts 1.</summary>
/// <remarks>
/// Words are runs of letters and digits, without regard to case. Without any word, texts are alike only where they are equal.
/// </remarks>
public static class TextMeasures
{
    private const int MaxOrder = 4;

    /// <summary>Characters that stand in both texts in the same order, times two, over all characters: the ratio of rapidfuzz.</summary>
    public static double FuzzyMatch(string input, string reference)
    {
        Rune[] left = [.. input.EnumerateRunes()], right = [.. reference.EnumerateRunes()];
        return left.Length + right.Length == 0 ? 1 : 2.0 * CommonLength(left, right) / (left.Length + right.Length);
    }

    /// <summary>
    /// BLEU of one sentence (Papineni et al. 2002): the geometric mean of the precisions of n-grams up to four, where orders above one
    /// count one more of both (Lin and Och 2004), times exp(1 - r / c) for a shorter input.
    /// </summary>
    public static double Bleu(string input, string reference)
    {
        var (words, given) = (Words(input), Words(reference));
        if (words.Length == 0 || given.Length == 0)
            return WithoutWords(input, reference, words, given);
        double sum = 0;
        for (int order = 1; order <= MaxOrder; order++)
        {
            int matches = Matches(words, given, order), all = NumGrams(words, order), smoothing = order > 1 ? 1 : 0;
            if (matches + smoothing == 0)
                return 0;
            sum += Math.Log((double)(matches + smoothing) / (all + smoothing));
        }
        double brevity = words.Length < given.Length ? Math.Exp(1 - ((double)given.Length / words.Length)) : 1;
        return brevity * Math.Exp(sum / MaxOrder);
    }

    /// <summary>GLEU (Wu et al. 2016): n-grams up to four that both have, over those of the text that has more.</summary>
    public static double Gleu(string input, string reference)
    {
        var (words, given) = (Words(input), Words(reference));
        if (words.Length == 0 || given.Length == 0)
            return WithoutWords(input, reference, words, given);
        int[] orders = [.. Enumerable.Range(1, MaxOrder)];
        int most = Math.Max(orders.Sum(order => NumGrams(words, order)), orders.Sum(order => NumGrams(given, order)));
        return (double)orders.Sum(order => Matches(words, given, order)) / most;
    }

    /// <summary>ROUGE-n (Lin 2004): the harmonic mean of precision and recall of n-grams. Shorter texts are compared as wholes.</summary>
    /// <param name="order">n, at least 1.</param>
    public static double Rouge(string input, string reference, int order)
    {
        var (words, given) = (Words(input), Words(reference));
        int all = NumGrams(words, order) + NumGrams(given, order);
        return all == 0
            ? (words.SequenceEqual(given) && (words.Length > 0 || input == reference) ? 1 : 0)
            : 2.0 * Matches(words, given, order) / all;
    }

    /// <summary>ROUGE-L: the same of the words that stand in both in the same order.</summary>
    public static double RougeL(string input, string reference)
    {
        var (words, given) = (Words(input), Words(reference));
        return words.Length == 0 || given.Length == 0
            ? WithoutWords(input, reference, words, given)
            : 2.0 * CommonLength(words, given) / (words.Length + given.Length);
    }

    private static double WithoutWords(string input, string reference, string[] words, string[] given) =>
        words.Length == given.Length && input == reference ? 1 : 0;

    private static string[] Words(string text)
    {
        List<string> words = [];
        var word = new StringBuilder();
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.IsLetterOrDigit(rune))
                word.Append(Rune.ToLowerInvariant(rune).ToString());
            else if (word.Length > 0)
                Take();
        }
        if (word.Length > 0)
            Take();
        return [.. words];

        void Take()
        {
            words.Add(word.ToString());
            word.Clear();
        }
    }

    private static int NumGrams(string[] words, int order) => Math.Max(0, words.Length - order + 1);

    /// <summary>N-grams of the input that the reference has, each as often as both have it.</summary>
    private static int Matches(string[] words, string[] given, int order)
    {
        var counts = Grams(given).CountBy(gram => gram).ToDictionary();
        return Grams(words).CountBy(gram => gram).Sum(entry => Math.Min(entry.Value, counts.GetValueOrDefault(entry.Key)));

        IEnumerable<string> Grams(string[] all) =>
            Enumerable.Range(0, NumGrams(all, order)).Select(start => string.Join(' ', all.AsSpan(start, order)!));
    }

    /// <summary>The length of the longest common subsequence.</summary>
    private static int CommonLength<T>(T[] left, T[] right)
        where T : IEquatable<T>
    {
        int[] row = new int[right.Length + 1];
        foreach (var item in left)
        {
            int diagonal = 0;
            for (int index = 1; index <= right.Length; index++)
            {
                int above = row[index];
                row[index] = item.Equals(right[index - 1]) ? diagonal + 1 : Math.Max(above, row[index - 1]);
                diagonal = above;
            }
        }
        return row[^1];
    }
}
