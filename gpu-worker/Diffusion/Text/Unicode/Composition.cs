using System.Globalization;
using System.Text;

namespace LLaDA.Diffusion.Text.Unicode;

/// <summary>Normalization form C: characters that can be written as one are, and their marks stand in Unicode's order.</summary>
/// <remarks>
/// Unicode Standard Annex 15, from <c>composition.txt</c>. .NET normalizes with ICU alone, which programs may have switched off
/// (<c>InvariantGlobalization</c>), and then returns text unchanged.
/// </remarks>
internal static class Composition
{
    /// <summary>No character below decomposes into others or is a part of one.</summary>
    private const char FirstConcerned = '\u00C0';

    private const char FirstMark = '\u0300';

    private static readonly Lazy<CompositionTable> s_table = new(CompositionTable.Read);

    /// <param name="text">Without halves of surrogate pairs.</param>
    public static string Compose(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange(FirstMark, char.MaxValue))
            return text;
        var table = s_table.Value;
        List<int> codes = new(text.Length);
        foreach (var rune in text.EnumerateRunes())
            Decompose(rune.Value, table, codes);
        Order(codes, table);
        var composed = new StringBuilder(text.Length);
        foreach (int code in Compose(codes, table))
            composed.Append(new Rune(code).ToString());
        return composed.ToString();
    }

    private static void Decompose(int code, CompositionTable table, List<int> codes)
    {
        if (code < FirstConcerned || !table.Parts.TryGetValue(code, out int[]? parts))
        {
            codes.Add(code);
            return;
        }
        foreach (int part in parts)
            Decompose(part, table, codes);
    }

    /// <summary>Sorts the marks behind each other character by their classes, those of one class as they come.</summary>
    private static void Order(List<int> codes, CompositionTable table)
    {
        for (int start = 0; start < codes.Count;)
        {
            int end = start;
            while (end < codes.Count && table.ClassOf(codes[end]) > 0)
                end++;
            if (end - start > 1)
            {
                int[] ordered = [.. codes.GetRange(start, end - start).OrderBy(table.ClassOf)];
                for (int index = 0; index < ordered.Length; index++)
                    codes[start + index] = ordered[index];
            }
            start = end + 1;
        }
    }

    /// <summary>A mark joins the last character without class where no mark of its class or a higher one stands between.</summary>
    private static List<int> Compose(List<int> codes, CompositionTable table)
    {
        List<int> composed = new(codes.Count);
        int starter = -1, before = -1;
        foreach (int code in codes)
        {
            int kind = table.ClassOf(code);
            if (starter >= 0 && before < kind && table.Pair(composed[starter], code) is { } whole)
            {
                composed[starter] = whole;
                continue;
            }
            if (kind == 0)
                starter = composed.Count;
            before = kind == 0 ? -1 : kind;
            composed.Add(code);
        }
        return composed;
    }

    /// <summary>What <c>composition.txt</c> lists, and Hangul, whose syllables are computed.</summary>
    private sealed class CompositionTable
    {
        private const int FirstSyllable = 0xAC00, NumSyllables = 11_172, NumVowels = 21, NumTails = 28;
        private const int FirstLead = 0x1100, NumLeads = 19, FirstVowel = 0x1161, FirstTail = 0x11A7;

        private readonly Dictionary<int, int> _classes = [];
        private readonly Dictionary<(int First, int Second), int> _pairs = [];

        public Dictionary<int, int[]> Parts { get; } = [];

        public static CompositionTable Read()
        {
            var table = new CompositionTable();
            using var resource = typeof(Composition).Assembly.GetManifestResourceStream("composition.txt")!;
            using var reader = new StreamReader(resource);
            while (reader.ReadLine() is { } line)
                table.Add(line.Split(' '));
            return table;
        }

        public int ClassOf(int code) => code < FirstMark ? 0 : _classes.GetValueOrDefault(code);

        /// <summary>The character that two compose to; null where they stay two.</summary>
        public int? Pair(int first, int second)
        {
            int lead = first - FirstLead, vowel = second - FirstVowel;
            if (lead is >= 0 and < NumLeads && vowel is >= 0 and < NumVowels)
                return FirstSyllable + (((lead * NumVowels) + vowel) * NumTails);
            int syllable = first - FirstSyllable, tail = second - FirstTail;
            if (syllable is >= 0 and < NumSyllables && syllable % NumTails == 0 && tail is > 0 and < NumTails)
                return first + tail;
            return _pairs.TryGetValue((first, second), out int whole) ? whole : null;
        }

        private void Add(string[] line)
        {
            int Code(int column) => int.Parse(line[column], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (line[0] == "class")
            {
                for (int code = Code(2); code <= Code(3); code++)
                    _classes[code] = int.Parse(line[1], CultureInfo.InvariantCulture);
                return;
            }
            int[] parts = [.. Enumerable.Range(2, line.Length - 2).Select(Code)];
            Parts[Code(1)] = parts;
            if (line[0] == "pair")
                _pairs[(parts[0], parts[1])] = Code(1);
        }
    }
}
