using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Text;

/// <summary>The ids of every text are those of Hugging Face's own library.</summary>
public sealed class HuggingFaceTokenizerTests
{
    private const int NumTexts = 300, ChunkSize = 512;

    public static TheoryData<string> Shapes => [.. TokenizerShapes.Patterns.Keys];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Texts_have_the_ids_of_Hugging_Face(string shape)
    {
        using var pair = Pair(shape);
        pair.AssertSame(TinyTokenizer.Corpus);
        Texts.Sample(pair.AssertSame, iter: NumTexts, threads: 1);
    }

    /// <summary>Letters, digits, marks, signs and white space are those of Hugging Face's Unicode.</summary>
    [Fact]
    public void Every_character_is_cut_as_by_Hugging_Face()
    {
        using var pair = Pair("marks and cases");
        AssertSame(pair, Characters(), sign => $"the{sign}s{sign}{sign} {sign}2'{sign}\n");
    }

    [Fact]
    public void Every_character_is_composed_as_by_Hugging_Face()
    {
        using var pair = Composing();
        AssertSame(pair, Characters(), sign => $"{sign}e{sign}\u0301{sign}\u0327\u0345{sign}\u1161\u11A8{sign}\n");
        var others = Characters().Where(code => !Rune.IsLetter(new Rune(code)));
        AssertSame(pair, others, sign => $"e\u0323{sign}\u0334{sign}\u0301{sign}\u1DCE\n");
    }

    [Fact]
    public void Composed_text_has_the_ids_of_Hugging_Face()
    {
        using var pair = Composing();
        var marks = Gen.OneOf(
            "\u0300", "\u0301", "\u0308", "\u0323", "\u0327", "\u0345", "\u0334", "\u1DCE", "\u20D0", "\u3099", "\u05B7",
            "\u0F71", "\u0F74");
        var letters = Gen.OneOf(
            "e", "a", "A", "ä", "ω", "ᾳ", "が", "か", "\u1100", "\u1161", "\u11A8", "가", "각",
            "\u05D5\u05B9", "\u0958", "\u2126", "\u0344", "𝅗𝅥", "𑂚", "x");
        Gen.OneOf(marks, marks, letters, Gen.Const("the ")).Array[0, 15].Select(string.Concat)
            .Sample(pair.AssertSame, iter: NumTexts, threads: 1);
    }

    [Fact]
    public void Added_tokens_are_found_as_by_Hugging_Face()
    {
        string[] contents = ["<a>", "<a>b", "ab", "b ", "éé", "e\u0301e", "xx", "𝒜𝒜", " y"];
        Gen.Select(Gen.Int[0, 15].Array[contents.Length], Gen.Bool, Gen.OneOf(
            Gen.OneOf([.. contents]),
            Gen.OneOf(" ", "\n", "\u00A0", "\u200D", "Ⓐ", "_", "the", "1", "e", "é", "\u0301", "x", "𝒜")).Array[0, 15].Array[20])
            .Sample((flags, composes, texts) =>
            {
                var json = TokenizerShapes.File(TokenizerShapes.Patterns["Qwen2"]);
                json["normalizer"] = composes ? new JsonObject { ["type"] = "NFC" } : null;
                int first = json["model"]!["vocab"]!.AsObject().Count;
                var added = json["added_tokens"]!.AsArray();
                foreach (var (index, content) in contents.Index())
                {
                    bool Has(int flag) => (flags[index] & flag) != 0;
                    added.Insert(index, AddedTokenTests.Token(content, first + index, false, Has(1), Has(2), Has(4), Has(8)));
                }
                foreach (var (index, token) in added.Index())
                    token!["id"] = first + index;
                using var pair = new TokenizerPair(json);
                foreach (string text in texts.Select(parts => string.Concat(parts)))
                    pair.AssertSame(text);
            }, iter: 30, threads: 1);
    }

    [Theory]
    [InlineData(true, false, false)]
    [InlineData(false, true, false)]
    [InlineData(false, false, true)]
    [InlineData(true, true, true)]
    public void Bytes_without_a_token_and_whole_words_are_read_as_by_Hugging_Face(bool ignoresMerges, bool fallsBack, bool fuses)
    {
        var json = TokenizerShapes.File(TokenizerShapes.Patterns["Ling"], numMerges: 0);
        var model = json["model"]!;
        var vocabulary = model["vocab"]!.AsObject();
        foreach (string missing in (string[])["x", "y", "Ċ", "ð"])
            vocabulary.Remove(missing);
        string[] words = [" words", "日本", "12"];
        foreach (string word in (string[])["<unk>", "<0x78>", "<0xC4>", "<0x8A>", .. words.Select(ByteLevel.Spell)])
            vocabulary[word] = 400 + vocabulary.Count;
        (model["unk_token"], model["fuse_unk"]) = (fuses ? "<unk>" : null, fuses);
        (model["ignore_merges"], model["byte_fallback"]) = (ignoresMerges, fallsBack);
        using var pair = new TokenizerPair(json);
        Gen.OneOf("x", "y", "\n", "🙂", "a", " words", "日本", "1", " ", "xyxy", "\n\n").Array[0, 8].Select(string.Concat)
            .Sample(pair.AssertSame, iter: NumTexts, threads: 1);
    }

    /// <summary>The long s is a case of s, and the Kelvin sign one of k. Words of the vocabulary show where a text is cut.</summary>
    [Theory]
    [InlineData(@"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+", "'ſabc", "'ſ", "abc")]
    [InlineData(@"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+", "'ſabc", "'ſ", "abc")]
    [InlineData(@"(?i:ka)|\p{L}+", "\u212Aabc", "\u212Aa", "bc")]
    [InlineData(@"(?i:[a-k])|\p{L}+", "\u212Axyz", "\u212A", "xyz")]
    public void Cases_of_letters_are_those_of_Hugging_Face(string pattern, string text, string first, string second)
    {
        var json = TokenizerShapes.File([pattern]);
        json["model"]!["ignore_merges"] = true;
        foreach (var (index, word) in new[] { first, second, text }.Index())
            json["model"]!["vocab"]![ByteLevel.Spell(word)] = 9000 + index;
        using var pair = new TokenizerPair(json);

        Assert.Equal([9000, 9001], pair.Expected(text));
        pair.AssertSame(text);
    }

    /// <summary>Dream's form: vocab.json and merges.txt.</summary>
    [Fact]
    public void A_vocabulary_and_merges_are_a_tokenizer_of_Qwen2()
    {
        var json = TokenizerShapes.File(TokenizerShapes.Patterns["Qwen2"]);
        json["normalizer"] = new JsonObject { ["type"] = "NFC" };
        using var pair = new TokenizerPair(json);
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("vocab.json"), json["model"]!["vocab"]!.ToJsonString());
        var merges = json["model"]!["merges"]!.AsArray().Select(merge => merge!.GetValue<string>());
        File.WriteAllLines(folder.File("merges.txt"), merges.Prepend("#version: 0.2"));
        File.WriteAllText(folder.File("tokenizer_config.json"), """{"tokenizer_class": "DreamTokenizer"}""");
        File.WriteAllText(folder.File("added_tokens.json"), """{"<|endoftext|>": 900, "<|mask|>": 901}""");

        var tokenizer = new LLaDATokenizer(folder.Path);

        Assert.Equal((900, 902), (tokenizer.EndOfTextId, tokenizer.NumTokens));
        Assert.Contains(901, tokenizer.NonTextIds);
        Texts.Sample(text => Assert.Equal(pair.Expected(text), tokenizer.Encode(text)), iter: NumTexts, threads: 1);
    }

    [Theory]
    [InlineData("""{"tokenizer_class": "GPT2Tokenizer"}""", "vocab.json belongs to a tokenizer of class GPT2Tokenizer")]
    [InlineData("{}", "vocab.json belongs to a tokenizer of class unknown")]
    [InlineData("""{"tokenizer_class": "Qwen2Tokenizer"}""", "vocab.json is no vocabulary with merges: its merges name b, which is not in")]
    public void A_vocabulary_of_another_class_is_refused_by_name(string config, string fault)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("vocab.json"), """{"a": 0}""");
        File.WriteAllText(folder.File("merges.txt"), "a b\n");
        File.WriteAllText(folder.File("tokenizer_config.json"), config);

        Assert.Contains(fault, Assert.Throws<CheckpointException>(() => new LLaDATokenizer(folder.Path)).Message, StringComparison.Ordinal);
    }

    private static TokenizerPair Composing()
    {
        var json = TokenizerShapes.File([]);
        json["normalizer"] = new JsonObject { ["type"] = "NFC" };
        return new TokenizerPair(json);
    }

    private static void AssertSame(TokenizerPair pair, IEnumerable<int> codes, Func<string, string> text)
    {
        List<int> different = [];
        foreach (int[] chunk in codes.Chunk(ChunkSize))
            Find(chunk, pair, text, different);
        Assert.Equal("", string.Join(' ', different.Select(code => $"{code:X}")));
    }

    /// <summary>Adds the characters that differ: halves a text until one is left.</summary>
    private static void Find(int[] codes, TokenizerPair pair, Func<string, string> text, List<int> different)
    {
        string all = string.Concat(codes.Select(char.ConvertFromUtf32).Select(text));
        if (pair.Expected(all).SequenceEqual(pair.Ours.Encode(all)))
            return;
        if (codes is [var code])
        {
            different.Add(code);
            return;
        }
        Find(codes[..(codes.Length / 2)], pair, text, different);
        Find(codes[(codes.Length / 2)..], pair, text, different);
    }

    private static TokenizerPair Pair(string shape) => new(TokenizerShapes.File(TokenizerShapes.Patterns[shape]));

    /// <summary>All where scripts and signs lie, and every 97th of the ideographs, syllables and empty places between.</summary>
    private static IEnumerable<int> Characters() => Enumerable.Range(1, 0x323FF).Where(code =>
        code is < 0xD800 or > 0xDFFF
        && (code % 97 == 0 || code is < 0x3400 or (>= 0xA000 and < 0xAC00) or (>= 0xF900 and < 0x12600)
            or (>= 0x16800 and < 0x17000) or (>= 0x1AFF0 and < 0x1FC00)));

    private static Gen<string> Texts { get; } = Gen.OneOf(
        TinyTokenizer.AnyText, Gen.Int[1, 0x2FFFF].Where(code => code is < 0xD800 or > 0xDFFF).Select(char.ConvertFromUtf32),
        Gen.OneOf("'S", "'ſ", "'LL", "Kas", "'re", "\u00A0", "\u0085", "\u180E", "\u2028", "\u3000", "\r\n", "\t"),
        Gen.OneOf("𝟙𝟚", "²", "ⅷ", "𐐀")).Array[0, 8].Select(string.Concat);
}
