using System.Text.Json.Nodes;
using CsCheck;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Tests.Text;

/// <summary>Added tokens that are not special; the expected pieces are those of Hugging Face's added vocabulary.</summary>
public sealed class AddedTokenTests
{
    private const int Id = 600;

    [Fact]
    public void Added_token_is_text_like_any_other()
    {
        var tokenizer = With(Token("CD8+"));

        Assert.Equal([.. Plain("a "), Id, .. Plain(" b")], tokenizer.Encode("a CD8+ b"));
        Assert.Equal("a CD8+ b", tokenizer.Decode(tokenizer.Encode("a CD8+ b")));
        Assert.Equal("CD8+", tokenizer.Decode([Id]));
        Assert.DoesNotContain(Id, tokenizer.NonTextIds);
        Assert.Equal(Id + 1, tokenizer.NumTokens);
        TinyTokenizer.AnyText.Sample(text => Assert.Equal(text + "CD8+" + text, tokenizer.Decode(tokenizer.Encode(text + "CD8+" + text))));
    }

    [Fact]
    public void Text_of_a_special_token_stays_text()
    {
        var tokenizer = With(Token("<|tool|>", special: true));

        Assert.Equal(Plain("<|tool|>"), tokenizer.Encode("<|tool|>"));
        Assert.Contains(Id, tokenizer.NonTextIds);
        Assert.Equal("", tokenizer.Decode([Id]));
    }

    [Fact]
    public void Tokens_of_a_dialogue_cannot_be_forged_however_the_file_flags_them()
    {
        var tokenizer = TinyTokenizer.Changed(json =>
        {
            foreach (var token in json["added_tokens"]!.AsArray())
                token!["special"] = false;
        });

        foreach (string special in SpecialTokens.All)
            Assert.Equal(Plain(special), tokenizer.Encode(special));
        Assert.Contains(tokenizer.EndOfTurnId!.Value, tokenizer.NonTextIds);
    }

    [Theory]
    [InlineData("a x b", true)]
    [InlineData("x", true)]
    [InlineData("(x)", true)]
    [InlineData("ax b", false)]
    [InlineData("x2", false)]
    [InlineData("_x", false)]
    [InlineData("éx", false)]
    [InlineData("x𝒜", false)]
    [InlineData("x🙂", true)]
    public void Single_word_matches_between_other_signs_alone(string text, bool isMatch) =>
        Assert.Equal(isMatch, With(Token("x", singleWord: true)).Encode(text).Contains(Id));

    [Fact]
    public void White_space_beside_a_token_goes_with_it_where_it_strips()
    {
        Assert.Equal([.. Plain("a"), Id, .. Plain("  b")], With(Token("<x>", lstrip: true)).Encode("a \t<x>  b"));
        Assert.Equal([.. Plain("a "), Id, .. Plain("b")], With(Token("<x>", rstrip: true)).Encode("a <x> \n\u00A0b"));
        Assert.Equal([Id, Id], With(Token("<x>", lstrip: true, rstrip: true)).Encode(" <x>  <x> "));
    }

    // rstrip takes white space along and asks for none: https://github.com/iree-org/iree/pull/23805.
    [Fact]
    public void Strip_is_no_condition() =>
        Assert.Equal([Id, .. Plain("Hello")], With(Token("<|user|>", rstrip: true)).Encode("<|user|>Hello"));

    // Unicode's white space is stripped, a zero-width space is not: https://github.com/NVIDIA/TensorRT-Model-Connect/pull/1322.
    [Fact]
    public void Zero_width_space_is_no_white_space()
    {
        var tokenizer = With(Token("<x>", lstrip: true));

        Assert.Equal([.. Plain("a"), Id], tokenizer.Encode("a\u2003\u3000<x>"));
        Assert.Equal([.. Plain("a\u200B"), Id], tokenizer.Encode("a\u200B<x>"));
    }

    // The first match takes the white space between two: https://github.com/huggingface/transformers/issues/33371.
    [Fact]
    public void White_space_between_two_tokens_goes_with_one_of_them()
    {
        var tokenizer = With(Token("<a>", lstrip: true, rstrip: true), Token("<b>", id: 601, lstrip: true, rstrip: true));

        Assert.Equal([600, 601], tokenizer.Encode("   <a> <b>   "));
    }

    [Fact]
    public void Longest_token_of_a_place_wins()
    {
        var tokenizer = With(Token("CD8"), Token("CD8+", id: 601));

        Assert.Equal([601, Id], tokenizer.Encode("CD8+CD8"));
    }

    [Fact]
    public void Tokens_that_are_not_normalized_come_first()
    {
        var tokenizer = With(Token("ab", normalized: true), Token("bcd", id: 601, normalized: false));

        Assert.Equal([.. Plain("a"), 601], tokenizer.Encode("abcd"));
        Assert.Equal([Id, .. Plain("c")], tokenizer.Encode("abc"));
    }

    private static IReadOnlyList<int> Plain(string text) => TinyTokenizer.Instance.Encode(text);

    private static LLaDATokenizer With(params JsonObject[] tokens) => TinyTokenizer.Changed(json =>
    {
        foreach (var token in tokens)
            json["added_tokens"]!.AsArray().Add(token);
    });

    internal static JsonObject Token(
        string content, int id = Id, bool special = false, bool singleWord = false, bool lstrip = false, bool rstrip = false,
        bool normalized = false) => new()
    {
        ["id"] = id,
        ["content"] = content,
        ["special"] = special,
        ["single_word"] = singleWord,
        ["lstrip"] = lstrip,
        ["rstrip"] = rstrip,
        ["normalized"] = normalized,
    };
}
