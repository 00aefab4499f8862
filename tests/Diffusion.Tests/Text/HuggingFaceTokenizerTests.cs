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
        AssertSame(pair, Characters().Where(code => !Rune.IsLetter(new Rune(code))), sign => $"e\u0323{sign}\u0334{sign}\u0301{sign}\u1DCE\n");
    }

    [Fact]
    public void Composed_text_has_the_ids_of_Hugging_Face()
    {
        using var pair = Composing();
        var marks = Gen.OneOf(
            "\u0300", "\u0301", "\u0308", "\u0323", "\u0327", "\u0345", "\u0334", "\u1DCE", "\u20D0", "\u3099", "\u05B7", "\u0F71", "\u0F74");
        var letters = Gen.OneOf(
            "e", "a", "A", "ä", "ω", "ᾳ", "が", "か", "\u1100", "\u1161", "\u11A8", "가", "각", "ֹו", "\u0958", "\u2126", "\u0344", "𝅗𝅥", "𑂚", "x");
        Gen.OneOf(marks, marks, letters, Gen.Const("the ")).Array[0, 15].Select(string.Concat)
            .Sample(pair.AssertSame, iter: NumTexts, threads: 1);
    }

    [Fact]
    public void Added_tokens_are_found_as_by_Hugging_Face()
    {
        string[] contents = ["<a>", "<a>b", "ab", "b ", "éé", "e\u0301e", "xx", "𝒜𝒜", " y"];
        Gen.Select(Gen.Int[0, 15].Array[contents.Length], Gen.Bool, Gen.OneOf(
            Gen.OneOf([.. contents]), Gen.OneOf(" ", "\n", "\u00A0", "\u200D", "Ⓐ", "_", "the", "1", "e", "é", "\u0301", "x", "𝒜")).Array[0, 15].Array[20])
            .Sample((flags, composes, texts) =>
            {
                var json = TokenizerShapes.File(TokenizerShapes.Patterns["Qwen2"]);
                json["normalizer"] = composes ? new JsonObject { ["type"] = "NFC" } : null;
                int first = json["model"]!["vocab"]!.AsObject().Count;
                var added = json["added_tokens"]!.AsArray();
                foreach (var (index, content) in contents.Index())
                    added.Insert(index, AddedTokenTests.Token(
                        content, first + index, false, Has(flags[index], 1), Has(flags[index], 2), Has(flags[index], 4), Has(flags[index], 8)));
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
        foreach (string word in (string[])["<unk>", "<0x78>", "<0xC4>", "<0x8A>", ByteLevel.Spell(" words"), ByteLevel.Spell("日本"), "12"])
            vocabulary[word] = 400 + vocabulary.Count;
        (model["unk_token"], model["ignore_merges"], model["byte_fallback"], model["fuse_unk"]) = (fuses ? "<unk>" : null, ignoresMerges, fallsBack, fuses);
        using var pair = new TokenizerPair(json);
        Gen.OneOf("x", "y", "\n", "🙂", "a", " words", "日本", "1", " ", "xyxy", "\n\n").Array[0, 8].Select(string.Concat)
            .Sample(pair.AssertSame, iter: NumTexts, threads: 1);
    }

    private static bool Has(int flags, int flag) => (flags & flag) != 0;

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

    private static IEnumerable<int> Characters() => Enumerable.Range(1, 0x323FF).Where(code => code is < 0xD800 or > 0xDFFF);

    private static Gen<string> Texts { get; } = Gen.OneOf(
        TinyTokenizer.AnyText, Gen.Int[1, 0x2FFFF].Where(code => code is < 0xD800 or > 0xDFFF).Select(char.ConvertFromUtf32),
        Gen.OneOf("'S", "'ſ", "'LL", "Kas", "'re", "\u00A0", "\u0085", "\u180E", "\u2028", "\u3000", "\r\n", "\t", "𝟙𝟚", "²", "ⅷ", "𐐀")).
        Array[0, 8].Select(string.Concat);
}
