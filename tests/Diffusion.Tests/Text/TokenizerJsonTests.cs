using System.Text.Json.Nodes;
using CsCheck;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Text;

/// <summary>The forms in which tokenizer.json comes, and those that are refused.</summary>
public sealed class TokenizerJsonTests
{
    private const string ByteLevelWithoutRegex = """{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}""";

    [Fact]
    public void Merges_may_be_pairs()
    {
        static JsonArray Pair(JsonNode? merge) => new([.. merge!.GetValue<string>().Split(' ').Select(part => JsonValue.Create(part))]);

        AssertSameTokens(TinyTokenizer.Changed(json =>
            json["model"]!["merges"] = new JsonArray([.. json["model"]!["merges"]!.AsArray().Select(Pair)])));
    }

    [Fact]
    public void Words_may_be_cut_by_a_sequence_of_a_pattern_and_the_byte_level() =>
        AssertSameTokens(
            TinyTokenizer.Changed(json => json["pre_tokenizer"] = Sequence(Split(ByteLevel.WordPattern), ByteLevelWithoutRegex)));

    [Fact]
    public void Sequence_of_one_is_that_one() =>
        AssertSameTokens(TinyTokenizer.Changed(json => json["pre_tokenizer"] = Sequence(json["pre_tokenizer"]!.ToJsonString())));

    [Theory]
    [InlineData(@"\p{N}")]
    [InlineData(@"[\r\n]")]
    [InlineData(@"\s?\p{L}+")]
    public void Text_that_a_pattern_does_not_match_is_kept(string pattern)
    {
        var first = TinyTokenizer.Changed(
            json => json["pre_tokenizer"] = Sequence(Split(pattern), Split(ByteLevel.WordPattern), ByteLevelWithoutRegex));
        var alone = TinyTokenizer.Changed(json => json["pre_tokenizer"] = Sequence(Split(pattern), ByteLevelWithoutRegex));

        foreach (var tokenizer in new[] { first, alone })
            TinyTokenizer.AnyText.Sample(text => Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text))));
    }

    [Fact]
    public void Digits_split_off_first_are_tokens_of_their_own()
    {
        var tokenizer = TinyTokenizer.Changed(json =>
        {
            json["pre_tokenizer"] = Sequence(Split(@"\p{N}"), Split(ByteLevel.WordPattern), ByteLevelWithoutRegex);
        });

        Assert.True(TinyTokenizer.Instance.Encode(" 1212").Count < 5);
        Assert.Equal([" ", "1", "2", "1", "2"], tokenizer.Encode(" 1212").Select(id => tokenizer.Decode([id])));
    }

    [Fact]
    public void Text_is_composed_where_the_file_says_so()
    {
        var tokenizer = TinyTokenizer.Changed(json => json["normalizer"] = new JsonObject { ["type"] = "NFC" });

        Assert.Equal(TinyTokenizer.Instance.Encode("é가"), tokenizer.Encode("e\u0301\u1100\u1161"));
    }

    [Fact]
    public void Pattern_may_have_possessive_quantifiers()
    {
        string possessive = ByteLevel.WordPattern.Replace("]+", "]++", StringComparison.Ordinal);

        AssertSameTokens(TinyTokenizer.Changed(json => json["pre_tokenizer"] = Sequence(Split(possessive), ByteLevelWithoutRegex)));
    }

    [Fact]
    public void Words_of_the_vocabulary_are_tokens_where_merges_are_ignored()
    {
        void AddWord(JsonObject json) => json["model"]!["vocab"]![ByteLevel.Spell(" Größe")] = 500;
        var merging = TinyTokenizer.Changed(AddWord);
        var ignoring = TinyTokenizer.Changed(json =>
        {
            AddWord(json);
            json["model"]!["ignore_merges"] = true;
        });

        Assert.DoesNotContain(500, merging.Encode("die Größe"));
        Assert.Equal([.. merging.Encode("die"), 500, .. merging.Encode("!")], ignoring.Encode("die Größe!"));
        TinyTokenizer.AnyText.Sample(text => Assert.Equal(text, ignoring.Decode(ignoring.Encode(text))));
    }

    public static TheoryData<string, string> Refusals => new()
    {
        { """{"model":{"type":"WordPiece"}}""", "has type WordPiece; only BPE is supported" },
        { """{"normalizer":{"type":"NFKC"}}""", "has the normalizer NFKC, which is not supported" },
        {
            """{"normalizer":{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]}}""",
            "has the normalizer Lowercase, which is not supported"
        },
        { """{"model":{"dropout":0.1}}""", "has dropout 0.1, which is not supported" },
        { """{"model":{"end_of_word_suffix":"</w>"}}""", "has end_of_word_suffix </w>, which is not supported" },
        { """{"model":{"continuing_subword_prefix":"##"}}""", "has continuing_subword_prefix ##, which is not supported" },
        { """{"pre_tokenizer":{"type":"Whitespace"}}""", "has the pre-tokenizer Whitespace, which is not supported" },
        { """{"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":true}}""", "adds a space before the text, which is not supported" },
        { """{"pre_tokenizer":{"type":"ByteLevel","use_regex":false}}""", "has no rule that cuts text into words" },
        {
            """{"pre_tokenizer":{"type":"Split","behavior":"Isolated","invert":true,"pattern":{"Regex":" "}}}""",
            "cuts text where a pattern does not match, which is not supported"
        },
        {
            """{"pre_tokenizer":{"type":"Split","behavior":"Removed","pattern":{"Regex":" "}}}""",
            "has behavior Removed; only Isolated is supported"
        },
        { """{"pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":"("}}}""", "is not a byte-level BPE tokenizer" },
        {
            """{"pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"Regex":" "}}}""",
            "has a pre-tokenizer that does not end with ByteLevel, which is not supported"
        },
        { """{"pre_tokenizer":{"type":"Split","behavior":"Isolated","pattern":{"String":" "}}}""", "is not a byte-level BPE tokenizer" },
        { """{"pre_tokenizer":null}""", "is not a byte-level BPE tokenizer" },
        { """{"added_tokens":[]}""", "lacks <|endoftext|>, and tokenizer_config.json names no other end of text" },
        { """{"added_tokens":[{"id":400,"content":"<|startoftext|>"}]}""", "lacks <|endoftext|>" },
        { """{"added_tokens":[{"id":400,"content":"a"},{"id":400,"content":"b"}]}""", "gives the id 400 to a and to b" },
        { """{"added_tokens":[{"id":400,"content":"a"},{"id":401,"content":"a"}]}""", "is not a byte-level BPE tokenizer" },
        { """{"added_tokens":[{"id":400.5,"content":"a"}]}""", "is not a byte-level BPE tokenizer" },
        { """{"added_tokens":[{"id":-1,"content":"a"}]}""", "gives a the id -1" },
        { """{"added_tokens":[{"id":2147483647,"content":"a"}]}""", "gives a the id 2147483647" },
        { """{"added_tokens":[{"id":400,"content":null}]}""", "is not a byte-level BPE tokenizer" },
        { """{"added_tokens":[{"id":400,"content":""}]}""", "is not a byte-level BPE tokenizer" },
        { """{"added_tokens":{}}""", "is not a byte-level BPE tokenizer" },
        { """{"model":{"vocab":{"a":-1}}}""", "gives a the id -1" },
        { """{"model":{"vocab":{"a":7,"b":7}}}""", "gives the id 7 to a and to b" },
        { """{"model":{"vocab":{"a":0}}}""", "is not a byte-level BPE tokenizer" },
        { """{"model":{"vocab":null}}""", "is not a byte-level BPE tokenizer" },
        { """{"model":{"merges":["nobody knows"]}}""", "is not a byte-level BPE tokenizer" },
        { """{"model":{"merges":["th"]}}""", "is not a byte-level BPE tokenizer" },
        { """{"model":{"merges":[null]}}""", "is not a byte-level BPE tokenizer" },
        { """{"model":{"merges":[["t"]]}}""", "is not a byte-level BPE tokenizer" },
        { """{"model":{"merges":7}}""", "is not a byte-level BPE tokenizer" },
    };

    [Theory]
    [MemberData(nameof(Refusals))]
    public void Tokenizer_that_cannot_be_computed_is_refused_by_name(string change, string fault)
    {
        var exception = Assert.Throws<CheckpointException>(
            () => TinyTokenizer.Changed(json => Merge(json, JsonNode.Parse(change)!.AsObject())));

        Assert.Contains($"tokenizer.json {fault}", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    public void File_that_is_no_tokenizer_is_refused_by_name(string text)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("tokenizer.json"), text);

        var exception = Assert.Throws<CheckpointException>(() => new LLaDATokenizer(folder.Path));

        Assert.StartsWith(
            $"{folder.File("tokenizer.json")} is not a byte-level BPE tokenizer", exception.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("absent")]
    public void Missing_file_is_refused_by_name(string below)
    {
        using var folder = new TemporaryFolder();
        string path = Path.Combine(folder.Path, below);

        var exception = Assert.Throws<CheckpointException>(() => new LLaDATokenizer(path));

        Assert.Equal($"{Path.Combine(path, "tokenizer.json")} is missing", exception.Message);
    }

    private static void AssertSameTokens(LLaDATokenizer tokenizer) =>
        TinyTokenizer.AnyText.Sample(text => Assert.Equal(TinyTokenizer.Instance.Encode(text), tokenizer.Encode(text)));

    private static string Split(string pattern) =>
        $$$"""{"type":"Split","pattern":{"Regex":{{{JsonValue.Create(pattern).ToJsonString()}}}},"behavior":"Isolated","invert":false}""";

    private static JsonNode Sequence(params string[] steps) =>
        JsonNode.Parse($$"""{"type":"Sequence","pretokenizers":[{{string.Join(',', steps)}}]}""")!;

    /// <summary>Overwrites fields, keeping the others of nested objects except of those that are named whole.</summary>
    private static void Merge(JsonObject json, JsonObject change)
    {
        foreach (var (name, value) in change)
        {
            if (name == "model")
                Merge(json[name]!.AsObject(), value!.AsObject());
            else
                json[name] = value?.DeepClone();
        }
    }
}
