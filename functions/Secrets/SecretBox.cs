using System.Security.Cryptography;
using System.Text;

namespace LLaDA.Batch.Functions.Secrets;

/// <summary>The key of the secrets that the service must be able to read again (section <c>Secrets</c>).</summary>
public sealed record SecretOptions
{
    public const string Section = "Secrets";

    /// <summary>32 random bytes in Base64, in Azure a reference to Key Vault; null offers nothing that needs such secrets.</summary>
    public string? Key { get; init; }

    public IEnumerable<string> Validate()
    {
        if (Key is not null && !(Convert.TryFromBase64String(Key, new byte[Key.Length], out int count) && count == 32))
            yield return $"{Section}:{nameof(Key)} must be 32 bytes in Base64";
    }
}

/// <summary>Keeps secrets encrypted at rest: AES-256-GCM, bound to what they are for, so that a sealed text cannot be moved to another owner.</summary>
public sealed class SecretBox(SecretOptions options)
{
    private const int NonceBytes = 12, TagBytes = 16;

    /// <summary>Whether there is a key to seal with.</summary>
    public bool IsOffered => options.Key is not null;

    /// <param name="owner">Whose secret it is and what for; needed again to open it.</param>
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

    private static (Memory<byte> Nonce, Memory<byte> Tag, Memory<byte> Cipher) Parts(byte[] box) =>
        (box.AsMemory(0, NonceBytes), box.AsMemory(NonceBytes, TagBytes), box.AsMemory(NonceBytes + TagBytes));

    private AesGcm NewAes() => new(Convert.FromBase64String(options.Key ?? throw new CryptographicException($"{SecretOptions.Section}:{nameof(SecretOptions.Key)} is not set")), TagBytes);
}
