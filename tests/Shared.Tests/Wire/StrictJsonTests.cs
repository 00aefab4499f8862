using System.Text;
using System.Text.Json;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Tests.Wire;

/// <summary>JSON from outside: what is taken, and which reason and place a refusal names.</summary>
public sealed class StrictJsonTests
{
    [Theory]
    [InlineData("{\"a\":1", "it ends too early, at byte 7")]
    [InlineData("{\"a\":1}x", "unexpected 'x', at byte 8")]
    [InlineData("{\"a\":1}\u001a", "unexpected Ctrl-Z (U+001A), at byte 8")]
    [InlineData("{\"a\":1}\0\0", "unexpected NUL (U+0000), at byte 8")]
    [InlineData("{\"a\":\"b\tc\"}", "unexpected TAB (U+0009), at byte 8")]
    [InlineData("{\"a\":1}\uFEFF{\"b\":1}", "unexpected byte order mark (U+FEFF), at byte 8")]
    [InlineData("{\n\"a\":1,\n\"a\":2}", "the name 'a' comes twice in one object, at line 3, byte 1")]
    [InlineData("{\"a\":1,\"\\u0061\":2}", "the name 'a' comes twice in one object, at byte 8")]
    [InlineData("{\"a\":\"\\ud83d\"}", "a string has an unpaired surrogate escape (\\ud800-\\udfff), at byte 6")]
    [InlineData("{\"\\udc00\":1}", "a string has an unpaired surrogate escape (\\ud800-\\udfff), at byte 2")]
    [InlineData("", "it is empty")]
    [InlineData(" \r\n", "it is empty")]
    public void A_refusal_names_the_reason_and_the_place(string json, string reason) => Assert.Equal(reason, ReasonOf(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Bytes_that_are_not_UTF_8_are_named_with_their_place()
    {
        Assert.Equal("byte 0xE4 is not UTF-8, at byte 7", ReasonOf([.. "{\"a\":\""u8, 0xE4, .. "\"}"u8]));
        Assert.Equal(
            "it is not UTF-8: it begins with the byte order mark of another encoding",
            ReasonOf([0xFF, 0xFE, .. Encoding.Unicode.GetBytes("{}")]));
    }

    [Fact]
    public void Sixty_four_levels_are_taken_and_one_more_is_named()
    {
        static byte[] Nested(int levels) => Encoding.UTF8.GetBytes(new string('[', levels) + new string(']', levels));

        Assert.Equal(JsonValueKind.Array, StrictJson.Parse(Nested(StrictJson.MaxDepth)).ValueKind);
        Assert.Equal("it is nested more than 64 levels deep, at byte 65", ReasonOf(Nested(StrictJson.MaxDepth + 1)));
    }

    [Fact]
    public void A_byte_order_mark_and_pairs_of_surrogates_are_taken() =>
        Assert.Equal("\U0001F600", StrictJson.Parse(Encoding.UTF8.GetBytes("\uFEFF{\"a\":\"\\ud83d\\ude00\"}")).FindText("a"));

    private static string ReasonOf(byte[] json) => Assert.Throws<InvalidJsonException>(() => StrictJson.Parse(json)).Message;
}
