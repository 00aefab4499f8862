using System.Collections.Concurrent;
using System.Text;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// Byte pair encoding of a word as Hugging Face computes it: its bytes are tokens, then always the neighbours whose merge was learnt
/// earliest become one, from left to right.
/// </summary>
/// <remarks>The time of a word of n bytes grows with n log n, so no length is refused. Thread-safe.</remarks>
internal sealed class BytePairs
{
    private const int MaxKeptWords = 50_000, MaxKeptLength = 64;

    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _wholeWords;
    private readonly int?[] _tokenOfByte;
    private readonly int[]?[] _fallback;
    private readonly bool _fusesUnknown;
    private readonly int? _unknown;

    /// <summary>Tokens of words seen before. Full, it stays as it is.</summary>
    private readonly ConcurrentDictionary<string, int[]> _kept = [];
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _keptBySpan;

    /// <param name="vocabulary">Ids, by the spelling in the byte-level alphabet.</param>
    /// <exception cref="FormatException">A merge names a token that the vocabulary lacks.</exception>
    public BytePairs(IReadOnlyDictionary<string, int> vocabulary, IEnumerable<(string Left, string Right)> merges, BytePairRules rules)
    {
        int Id(string token) => vocabulary.TryGetValue(token, out int id)
            ? id
            : throw new FormatException($"its merges name {token}, which is not in its vocabulary");
        foreach (var (rank, (left, right)) in merges.Index())
            _merges[(Id(left), Id(right))] = (rank, Id(left + right));
        string[] letters = [.. Enumerable.Range(0, 256).Select(value => ByteLevel.ToChar((byte)value).ToString())];
        _tokenOfByte = [.. letters.Select(letter => vocabulary.TryGetValue(letter, out int id) ? (int?)id : null)];
        _fallback = [.. letters.Select(letter => rules.FallsBackToBytes ? Fallback(letter, vocabulary) : null)];
        bool areAllKnown = Array.TrueForAll(_tokenOfByte, token => token is not null);
        (_fusesUnknown, _unknown) = (rules.FusesUnknown, areAllKnown || rules.Unknown is not { } unknown ? null : Id(unknown));
        Dictionary<string, int> wholeWords = rules.IgnoresMerges ? new(vocabulary) : [];
        _wholeWords = wholeWords.GetAlternateLookup<ReadOnlySpan<char>>();
        _keptBySpan = _kept.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Ids that merges make, and those of single bytes: what text can become.</summary>
    public IEnumerable<int> Reachable =>
        _merges.Values.Select(merge => merge.Id).Concat(_tokenOfByte.OfType<int>())
            .Concat(_fallback.OfType<int[]>().SelectMany(ids => ids));

    /// <summary>Adds the tokens of a word.</summary>
    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        if (_keptBySpan.TryGetValue(word, out int[]? kept))
        {
            ids.AddRange(kept);
            return;
        }
        var tokens = Encode(word);
        ids.AddRange(tokens);
        if (word.Length <= MaxKeptLength && _kept.Count < MaxKeptWords)
            _kept.TryAdd(word.ToString(), [.. tokens]);
    }

    private List<int> Encode(ReadOnlySpan<char> word)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetByteCount(word)];
        Encoding.UTF8.GetBytes(word, bytes);
        if (_wholeWords.Dictionary.Count > 0 && _wholeWords.TryGetValue(ByteLevel.Spell(bytes), out int whole))
            return [whole];
        return Merge(Tokens(bytes));
    }

    /// <summary>Bytes without a token are unknown, several in a row as one where the file says so, or left out.</summary>
    private List<int> Tokens(byte[] bytes)
    {
        List<int> tokens = new(bytes.Length);
        bool isUnknown = false;
        foreach (byte value in bytes)
        {
            if (_tokenOfByte[value] is { } token)
            {
                if (isUnknown)
                    tokens.Add(_unknown!.Value);
                tokens.Add(token);
                isUnknown = false;
            }
            else if (_fallback[value] is { } fallback)
            {
                tokens.AddRange(fallback);
            }
            else if (_unknown is { } unknown)
            {
                if (isUnknown && !_fusesUnknown)
                    tokens.Add(unknown);
                isUnknown = true;
            }
        }
        if (isUnknown)
            tokens.Add(_unknown!.Value);
        return tokens;
    }

    private List<int> Merge(List<int> tokens)
    {
        const int merged = -1;
        int[] next = new int[tokens.Count], previous = new int[tokens.Count];
        PriorityQueue<(int Position, int Id), long> queue = new(tokens.Count);
        void Enqueue(int position)
        {
            if (next[position] < tokens.Count && _merges.TryGetValue((tokens[position], tokens[next[position]]), out var merge))
                queue.Enqueue((position, merge.Id), ((long)merge.Rank << 32) | (uint)position);
        }
        for (int index = 0; index < tokens.Count; index++)
            (next[index], previous[index]) = (index + 1, index - 1);
        for (int index = 0; index < tokens.Count; index++)
            Enqueue(index);

        while (queue.TryDequeue(out var found, out _))
        {
            int left = found.Position, right = tokens[left] == merged ? tokens.Count : next[left];
            bool isCurrent = right < tokens.Count && _merges.TryGetValue((tokens[left], tokens[right]), out var merge)
                && merge.Id == found.Id;
            if (!isCurrent)
                continue;
            (tokens[left], tokens[right], next[left]) = (found.Id, merged, next[right]);
            if (next[left] < tokens.Count)
                previous[next[left]] = left;
            if (previous[left] >= 0)
                Enqueue(previous[left]);
            Enqueue(left);
        }
        tokens.RemoveAll(token => token == merged);
        return tokens;
    }

    /// <summary>The tokens of the bytes of a letter of the alphabet; null where one is missing.</summary>
    private static int[]? Fallback(string letter, IReadOnlyDictionary<string, int> vocabulary)
    {
        string[] names = [.. Encoding.UTF8.GetBytes(letter).Select(value => $"<0x{value:X2}>")];
        return Array.TrueForAll(names, vocabulary.ContainsKey) ? [.. names.Select(name => vocabulary[name])] : null;
    }
}

/// <summary>How a tokenizer.json wants words encoded.</summary>
/// <param name="IgnoresMerges">A word of the vocabulary is one token (ignore_merges).</param>
/// <param name="FallsBackToBytes">A byte without a token becomes tokens such as <c>&lt;0x0A&gt;</c>, where there are any.</param>
/// <param name="Unknown">Stands for a byte that has no token; null where such bytes are left out.</param>
/// <param name="FusesUnknown">Unknown bytes in a row are one token.</param>
internal sealed record BytePairRules(bool IgnoresMerges, bool FallsBackToBytes, string? Unknown, bool FusesUnknown);
