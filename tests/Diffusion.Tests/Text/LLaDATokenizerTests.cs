using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using CsCheck;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Text;

public sealed class LLaDATokenizerTests
{
    private static readonly LLaDATokenizer s_tokenizer = TinyTokenizer.Instance;

    [Fact]
    public void Any_text_survives_the_round_trip() =>
        TinyTokenizer.AnyText.Sample(text =>
        {
            var ids = s_tokenizer.Encode(text);
            Assert.Equal(text, s_tokenizer.Decode(ids));
            Assert.Equal(Encoding.UTF8.GetBytes(text), s_tokenizer.DecodeBytes(ids));
        }, iter: 1000);

    [Fact]
    public void Text_never_becomes_a_special_token() =>
        Gen.Select(TinyTokenizer.AnyText, Gen.OneOf([.. SpecialTokens.All]), TinyTokenizer.AnyText).Sample((before, special, after) =>
        {
            var ids = s_tokenizer.Encode(before + special + after);
            Assert.Empty(ids.Intersect(s_tokenizer.NonTextIds));
            Assert.Equal(before + special + after, s_tokenizer.Decode(ids));
        });

    [Fact]
    public void Tokens_are_those_of_applying_the_merges_in_their_order()
    {
        var trainer = new BpeTrainer();
        trainer.Add(TinyTokenizer.Corpus);
        var merges = trainer.Train(256 + TinyTokenizer.NumMerges + SpecialTokens.All.Count);

        Gen.OneOf(
            Gen.OneOf("the ", "reader", "word", "wr", "ote ", " 12", "e", "r", "s", "\n", "日", "'s").Array[0, 9].Select(string.Concat),
            TinyTokenizer.AnyText)
            .Sample(text => Assert.Equal(Merged(text, merges), s_tokenizer.Encode(text)), iter: 1000);
    }

    [Fact]
    public void Familiar_words_take_few_tokens()
    {
        Assert.Single(s_tokenizer.Encode(" the"));
        Assert.Equal("xyzzy".Length, s_tokenizer.Encode("xyzzy").Count);
        Assert.Empty(s_tokenizer.Encode(""));
    }

    /// <summary>Half a million characters without a space are one word.</summary>
    [Theory]
    [InlineData("readerwrote")]
    [InlineData("日本語")]
    [InlineData("x𝒳")]
    public void A_word_without_end_comes_back_whole(string part)
    {
        string word = string.Concat(Enumerable.Repeat(part, 500_000 / part.Length));

        Assert.Equal(word, s_tokenizer.Decode(s_tokenizer.Encode(word)));
    }

    [Fact]
    public void Half_of_a_surrogate_pair_is_no_character_and_left_out() =>
        TinyTokenizer.AnyChars.Sample(text =>
        {
            var characters = new StringBuilder();
            for (int index = 0; index < text.Length; index++)
            {
                if (Rune.TryGetRuneAt(text, index, out var rune))
                {
                    characters.Append(rune);
                    index += rune.Utf16SequenceLength - 1;
                }
            }
            Assert.Equal(characters.ToString(), s_tokenizer.Decode(s_tokenizer.Encode(text)));
        }, iter: 1000);

    [Fact]
    public void Text_cut_anywhere_loses_at_most_the_character_that_was_cut() =>
        Gen.Select(TinyTokenizer.AnyText, Gen.Int[0, 100]).Sample((text, percent) =>
        {
            var ids = s_tokenizer.Encode(text);
            int cut = ids.Count * percent / 100;
            string head = s_tokenizer.Decode(ids.Take(cut)), tail = s_tokenizer.Decode(ids.Skip(cut));
            Assert.StartsWith(head, text, StringComparison.Ordinal);
            Assert.EndsWith(tail, text, StringComparison.Ordinal);
            Assert.InRange(text.Length - head.Length - tail.Length, 0, 2);
        }, iter: 1000);

    [Fact]
    public void Any_ids_decode_to_what_is_text_in_them_and_to_nothing_else()
    {
        var dropping = Encoding.GetEncoding("utf-8", EncoderFallback.ExceptionFallback, new DecoderReplacementFallback(""));

        Gen.Int[-3, s_tokenizer.NumTokens + 3].Array[0, 30].Sample(ids =>
        {
            byte[] bytes = s_tokenizer.DecodeBytes(ids);
            string text = s_tokenizer.Decode(ids);
            Assert.Equal(dropping.GetString(bytes), text);
            Assert.Equal(bytes.AsSpan().IndexOf("\uFFFD"u8) >= 0, text.Contains('\uFFFD', StringComparison.Ordinal));
        }, iter: 1000);
    }

    [Fact]
    public void Special_tokens_stand_for_no_text()
    {
        int[] special = [s_tokenizer.BeginningOfTextId, s_tokenizer.EndOfTextId, s_tokenizer.MaskId!.Value,
            s_tokenizer.StartOfHeaderId!.Value, s_tokenizer.EndOfHeaderId!.Value, s_tokenizer.EndOfTurnId!.Value];

        Assert.Equal(special.Order(), s_tokenizer.NonTextIds);
        Assert.Equal(256 + TinyTokenizer.NumMerges + 6, s_tokenizer.NumTokens);
        Assert.True(s_tokenizer.KnowsDialogues);
        Assert.Equal("", s_tokenizer.Decode(special));
    }

    [Fact]
    public void Base_models_tokenizer_knows_no_dialogues_and_perhaps_no_mask()
    {
        var tokenizer = TinyTokenizer.Changed(json =>
        {
            var added = json["added_tokens"]!.AsArray();
            foreach (string missing in new[] { SpecialTokens.Mask, SpecialTokens.EndOfTurn })
                added.Remove(added.Single(token => token!["content"]!.GetValue<string>() == missing));
        });

        Assert.False(tokenizer.KnowsDialogues);
        Assert.Null(tokenizer.MaskId);
        Assert.Null(tokenizer.EndOfTurnId);
        Assert.Equal("words", tokenizer.Decode(tokenizer.Encode("words")));
    }

    [Fact]
    public void Special_tokens_may_stand_in_the_vocabulary_and_are_not_text_either()
    {
        var tokenizer = TinyTokenizer.Changed(json =>
        {
            var vocabulary = json["model"]!["vocab"]!.AsObject();
            foreach (var token in json["added_tokens"]!.AsArray())
                vocabulary[token!["content"]!.GetValue<string>()] = token["id"]!.GetValue<int>();
        });

        Assert.Equal(s_tokenizer.NonTextIds, tokenizer.NonTextIds);
        Assert.Empty(tokenizer.Encode("a<|eot_id|>b").Intersect(tokenizer.NonTextIds));
    }

    /// <summary>Byte-level BPE as it is defined: in every word, always the earliest learnt merge first, from left to right.</summary>
    private static List<int> Merged(string text, IReadOnlyList<(int Left, int Right)> merges)
    {
        List<int> ids = [];
        foreach (Match word in Regex.Matches(text, ByteLevel.WordPattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10)))
        {
            List<int> symbols = [.. Encoding.UTF8.GetBytes(word.Value).Select(value => (int)value)];
            foreach (var (rank, merge) in merges.Index())
            {
                for (int index = 0; index + 1 < symbols.Count; index++)
                {
                    if ((symbols[index], symbols[index + 1]) == merge)
                    {
                        symbols[index] = 256 + rank;
                        symbols.RemoveAt(index + 1);
                    }
                }
            }
            ids.AddRange(symbols);
        }
        return ids;
    }
}
