using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>
/// The key of a record: the inverted time of its creation and random digits. Keys sort newest first, so that a listing is a range query and
/// the next page starts after the id of the last record, whether or not that record still exists.
/// </summary>
public static class SortableKey
{
    private const int TimeDigits = 16, RandomDigits = 12;

    public static string Create(TimeProvider time) =>
        At(time.GetUtcNow()) + RandomNumberGenerator.GetHexString(RandomDigits, lowercase: true);

    /// <summary>A key that every process derives in the same way.</summary>
    /// <param name="name">Distinguishes records of the same time.</param>
    public static string Create(DateTimeOffset time, string name) =>
        At(time) + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{name}|{time.UtcTicks}")))[..RandomDigits];

    /// <summary>Sorts behind the keys of all records that were created later.</summary>
    public static string Bound(DateTimeOffset time) => At(time);

    /// <summary>The key of the record that an id names.</summary>
    /// <param name="id">As given by a client.</param>
    /// <param name="prefix">The prefix of ids of this kind, such as <c>batch_</c>.</param>
    /// <returns>Null when no record can have this id.</returns>
    public static string? Parse(string id, string prefix)
    {
        string key = id.StartsWith(prefix, StringComparison.Ordinal) ? id[prefix.Length..] : "";
        return key.Length == TimeDigits + RandomDigits && key.All(char.IsAsciiHexDigitLower) ? key : null;
    }

    /// <summary>The time of a key that <see cref="Create(TimeProvider)"/> or <see cref="Create(DateTimeOffset, string)"/> made.</summary>
    public static DateTimeOffset TimeOf(string key) =>
        new(long.MaxValue - long.Parse(key.AsSpan(0, TimeDigits), NumberStyles.HexNumber, CultureInfo.InvariantCulture), TimeSpan.Zero);

    private static string At(DateTimeOffset time) => (long.MaxValue - time.UtcTicks).ToString("x16", CultureInfo.InvariantCulture);
}
