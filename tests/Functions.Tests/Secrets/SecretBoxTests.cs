using System.Security.Cryptography;
using CsCheck;
using LLaDA.Batch.Functions.Secrets;

namespace LLaDA.Batch.Functions.Tests.Secrets;

public sealed class SecretBoxTests
{
    private static readonly SecretBox s_box = NewBox(1);

    [Fact]
    public void What_was_sealed_opens_for_its_owner_alone() => Gen.Select(Gen.String, Gen.String[1, 10]).Sample((text, owner) =>
    {
        text = new string([.. text.Where(letter => !char.IsSurrogate(letter))]);
        owner = new string([.. owner.Where(letter => !char.IsSurrogate(letter))]);
        string box = s_box.Seal(text, owner);

        Assert.Equal(text, s_box.Open(box, owner));
        Assert.NotEqual(box, s_box.Seal(text, owner));
        Assert.ThrowsAny<CryptographicException>(() => s_box.Open(box, owner + "'"));
        Assert.ThrowsAny<CryptographicException>(() => NewBox(2).Open(box, owner));
    });

    [Theory]
    [InlineData("short")]
    [InlineData("AAAA")]
    public void A_key_of_another_size_is_refused(string key) => Assert.Single(new SecretOptions { Key = key }.Validate());

    private static SecretBox NewBox(byte seed) => new(new SecretOptions { Key = Convert.ToBase64String([.. Enumerable.Repeat(seed, 32)]) });
}
