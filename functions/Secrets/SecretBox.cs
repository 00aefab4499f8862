using System.Security.Cryptography;
using System.Text;

namespace LLaDA.Batch.Functions.Secrets;

/// <summary>The key that encrypts the secrets which the service stores (section <c>Secrets</c>).</summary>
public sealed record SecretOptions
{
    public const string Section = "Secrets";

    /// <summary>32 random bytes in Base64, in Azure a reference to Key Vault. Null turns off the features that need secrets.</summary>
    public string? Key { get; init; }

    public IEnumerable<string> Validate()
    {
        if (Key is not null && !(Convert.TryFromBase64String(Key, new byte[Key.Length], out int count) && count == 32))
            yield return $"{Section}:{nameof(Key)} must be 32 bytes in Base64";
    }
}

/// <summary>
/// Encrypts secrets at rest: AES-256-GCM, bound to their owner, so that a sealed text cannot be moved to another owner.
/// </summary>
public sealed class SecretBox(SecretOptions options)
{
    private const int NonceBytes = 12, TagBytes = 16;

    /// <summary>Whether there is a key to seal with.</summary>
    public bool IsOffered => options.Key is not null;

    /// <param name="owner">The owner and the purpose of the secret; the same text opens it.</param>
    public string Seal(string text, string owner)
    {
        byte[] plain = Encoding.UTF8.GetBytes(text);
        byte[] box = new byte[NonceBytes + TagBytes + plain.Length];
        var (nonce, tag, cipher) = Parts(box);
        RandomNumberGenerator.Fill(nonce.Span);
        using var aes = NewAes();
        aes.Encrypt(nonce.Span, plain, cipher.Span, tag.Span, Encoding.UTF8.GetBytes(owner));
        return Convert.ToBase64String(box);
    }

    /// <exception cref="CryptographicException">It was sealed with another key or for another owner, or was changed.</exception>
    public string Open(string sealedText, string owner)
    {
        byte[] box = Convert.FromBase64String(sealedText);
        var (nonce, tag, cipher) = Parts(box);
        byte[] plain = new byte[cipher.Length];
        using var aes = NewAes();
        aes.Decrypt(nonce.Span, cipher.Span, tag.Span, plain, Encoding.UTF8.GetBytes(owner));
        return Encoding.UTF8.GetString(plain);
    }

    /// <returns>Null where <see cref="Open"/> refuses it.</returns>
    public string? TryOpen(string sealedText, string owner)
    {
        try
        {
            return Open(sealedText, owner);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static (Memory<byte> Nonce, Memory<byte> Tag, Memory<byte> Cipher) Parts(byte[] box) =>
        (box.AsMemory(0, NonceBytes), box.AsMemory(NonceBytes, TagBytes), box.AsMemory(NonceBytes + TagBytes));

    private AesGcm NewAes()
    {
        string key = options.Key ?? throw new CryptographicException($"{SecretOptions.Section}:{nameof(SecretOptions.Key)} is not set");
        return new AesGcm(Convert.FromBase64String(key), TagBytes);
    }
}
