using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Keys;

/// <summary>A key's owner; the key itself is kept nowhere.</summary>
public sealed class ApiKeyRecord : Record
{
    public const string Partition = "keys";

    public string Name { get; set; } = "";

    public string Tenant { get; set; } = "";

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset? RevokedAt { get; set; }
}

/// <summary>API keys, stored as SHA-256 hashes. Keys are 256 random bits, so no salt or slow hash is needed.</summary>
public sealed partial class ApiKeys(StorageAccount storage, TimeProvider time)
{
    private const string Prefix = "llada-";

    private readonly Records<ApiKeyRecord> _records = new(storage.Table(StorageNames.KeysTable));

    /// <summary>Makes a new key. It is returned here and cannot be read again.</summary>
    /// <param name="tenant">1 to 40 lower-case letters, digits and hyphens: it becomes part of keys and blob names.</param>
    public async Task<string> CreateAsync(string tenant, string name, CancellationToken cancellation)
    {
        if (!TenantPattern().IsMatch(tenant))
            throw new ArgumentException($"'{tenant}' is no tenant: use 1 to 40 lower-case letters, digits and hyphens", nameof(tenant));
        string key = Prefix + RandomNumberGenerator.GetHexString(64, lowercase: true);
        await _records.AddAsync(
            new ApiKeyRecord { PartitionKey = ApiKeyRecord.Partition, RowKey = Hash(key), Name = name, Tenant = tenant, CreatedAt = time.GetUtcNow() }, cancellation);
        return key;
    }

    /// <summary>Whose key this is; null when it is nobody's. The time taken says nothing about keys that exist: they are looked up by their hash.</summary>
    public async Task<ApiKeyRecord?> FindAsync(string key, CancellationToken cancellation) =>
        await _records.FindAsync(ApiKeyRecord.Partition, Hash(key), cancellation) is { RevokedAt: null } record ? record : null;

    [GeneratedRegex("^[a-z0-9-]{1,40}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TenantPattern();

    private static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
