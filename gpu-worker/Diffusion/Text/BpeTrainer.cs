using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace LLaDA.Diffusion.Text;

/// <summary>
/// Learns a byte-level BPE vocabulary: starting from the 256 bytes, the most frequent pair of neighbours inside a word repeatedly becomes a
/// token.
/// </summary>
/// <remarks>
/// Deterministic: among equally frequent pairs the one with the lower ids wins. Memory grows with the number of different words.
/// </remarks>
public sealed partial class BpeTrainer
{
    private readonly Dictionary<string, long> _wordCounts = [];
    private readonly Dictionary<string, long>.AlternateLookup<ReadOnlySpan<char>> _lookup;

    public BpeTrainer() => _lookup = _wordCounts.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Counts the words of a text; call it for every document, then <see cref="Train"/>.</summary>
    public void Add(string text)
    {
        foreach (var word in WordPattern().EnumerateMatches(text))
        {
            var span = text.AsSpan(word.Index, word.Length);
            _lookup[span] = _lookup.TryGetValue(span, out long count) ? count + 1 : 1;
        }
    }

    /// <summary>Learns merges until the vocabulary is full or no pair occurs twice.</summary>
    /// <param name="vocabularySize">All tokens, the special ones (which come last) included; at least 256 + 6.</param>
    /// <returns>The merges in the order learnt, as pairs of token ids; merge i makes token 256 + i.</returns>
    public IReadOnlyList<(int Left, int Right)> Train(int vocabularySize)
    {
        int numMerges = vocabularySize - 256 - SpecialTokens.All.Count;
        ArgumentOutOfRangeException.ThrowIfNegative(numMerges, nameof(vocabularySize));
        var words = _wordCounts.OrderBy(word => word.Key, StringComparer.Ordinal)
            .Select(word => new Word([.. Encoding.UTF8.GetBytes(word.Key).Select(value => (int)value)], word.Value)).ToArray();
        var pairs = new PairCounts(words);

        List<(int Left, int Right)> merges = [];
        while (merges.Count < numMerges && pairs.TakeMostFrequent() is { } pair)
        {
            pairs.Merge(pair, 256 + merges.Count);
            merges.Add(pair);
        }
        return merges;
    }

    /// <summary>Writes a tokenizer.json (and the tokenizer_config.json beside it) that Hugging Face's tokenizers read as well.</summary>
    public static void Save(IReadOnlyList<(int Left, int Right)> merges, string folder)
    {
        Directory.CreateDirectory(folder);
        List<string> tokens = [.. Enumerable.Range(0, 256).Select(value => ByteLevel.ToChar((byte)value).ToString())];
        foreach (var (left, right) in merges)
            tokens.Add(tokens[left] + tokens[right]);

        var vocabulary = new JsonObject();
        foreach (var (id, token) in tokens.Index())
            vocabulary[token] = id;
        var byteLevel = new JsonObject
        {
            ["type"] = "ByteLevel",
            ["add_prefix_space"] = false,
            ["trim_offsets"] = true,
            ["use_regex"] = true,
        };
        var tokenizer = new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = new JsonArray([.. SpecialTokens.All.Select((token, index) => Special(tokens.Count + index, token))]),
            ["normalizer"] = null,
            ["pre_tokenizer"] = byteLevel,
            ["post_processor"] = null,
            ["decoder"] = byteLevel.DeepClone(),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = null,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = false,
                ["byte_fallback"] = false,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. merges.Select(merge => JsonValue.Create($"{tokens[merge.Left]} {tokens[merge.Right]}"))]),
            },
        };
        File.WriteAllText(Path.Combine(folder, LLaDATokenizer.FileName), tokenizer.ToJsonString(s_json) + "\n");

        var configuration = new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
            ["bos_token"] = SpecialTokens.BeginningOfText,
            ["eos_token"] = SpecialTokens.EndOfText,
            ["pad_token"] = SpecialTokens.EndOfText,
            ["clean_up_tokenization_spaces"] = false,
            ["chat_template"] = ChatTemplate.Jinja,
        };
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), configuration.ToJsonString(s_json) + "\n");
    }

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private static JsonObject Special(int id, string token) => new()
    {
        ["id"] = id,
        ["content"] = token,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = true,
    };

    [GeneratedRegex(ByteLevel.WordPattern, RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 10_000)]
    private static partial Regex WordPattern();

    private sealed class Word(int[] symbols, long count)
    {
        public int[] Symbols { get; set; } = symbols;

        public long Count { get; } = count;
    }

    /// <summary>How often each pair of neighbours occurs, kept up to date while pairs are merged.</summary>
    private sealed class PairCounts
    {
        private readonly Word[] _words;
        private readonly Dictionary<(int, int), long> _counts = [];
        private readonly Dictionary<(int, int), HashSet<int>> _wordsOf = [];

        /// <summary>Counts in the queue may be out of date: an entry is valid when it still equals the pair's count.</summary>
        private readonly PriorityQueue<(int Left, int Right), (long NegativeCount, int Left, int Right)> _queue = new();

        public PairCounts(Word[] words)
        {
            _words = words;
            for (int word = 0; word < words.Length; word++)
                AddPairs(word, sign: 1);
            foreach (var pair in _counts.Keys)
                Enqueue(pair);
        }

        public (int Left, int Right)? TakeMostFrequent()
        {
            while (_queue.TryDequeue(out var pair, out var priority))
            {
                long count = _counts.GetValueOrDefault(pair);
                if (count == -priority.NegativeCount && count >= 2)
                    return pair;
            }
            return null;
        }

        public void Merge((int Left, int Right) pair, int token)
        {
            HashSet<(int, int)> changed = [];
            foreach (int word in _wordsOf[pair].ToArray())
            {
                changed.UnionWith(AddPairs(word, sign: -1));
                _words[word].Symbols = Replace(_words[word].Symbols, pair, token);
                changed.UnionWith(AddPairs(word, sign: 1));
            }
            foreach (var neighbour in changed)
                Enqueue(neighbour);
        }

        private void Enqueue((int Left, int Right) pair)
        {
            if (_counts.GetValueOrDefault(pair) is var count and >= 2)
                _queue.Enqueue(pair, (-count, pair.Left, pair.Right));
        }

        private List<(int, int)> AddPairs(int word, int sign)
        {
            int[] symbols = _words[word].Symbols;
            List<(int, int)> pairs = [];
            for (int index = 0; index + 1 < symbols.Length; index++)
            {
                var pair = (symbols[index], symbols[index + 1]);
                pairs.Add(pair);
                _counts[pair] = _counts.GetValueOrDefault(pair) + (sign * _words[word].Count);
                if (!_wordsOf.TryGetValue(pair, out var words))
                    _wordsOf[pair] = words = [];
                if (sign > 0)
                    words.Add(word);
                else
                    words.Remove(word);
            }
            return pairs;
        }

        private static int[] Replace(int[] symbols, (int Left, int Right) pair, int token)
        {
            List<int> merged = new(symbols.Length);
            for (int index = 0; index < symbols.Length; index++)
            {
                bool isPair = index + 1 < symbols.Length && symbols[index] == pair.Left && symbols[index + 1] == pair.Right;
                merged.Add(isPair ? token : symbols[index]);
                if (isPair)
                    index++;
            }
            return [.. merged];
        }
    }
}
