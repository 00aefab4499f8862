using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Azure;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Keys;

/// <summary>
/// API keys: <c>llada-ID-SECRET</c>. A tenant may have many, each with a name. Secrets are 256 random bits, so a plain SHA-256 is stored,
/// without salt or a slow hash.
/// </summary>
public sealed partial class ApiKeys(StorageAccount storage, TimeProvider time)
{
    private const int IdDigits = 12, SecretDigits = 64, MaxNameLength = 100;

    private readonly TableOf<ApiKeyRecord> _records = new(storage.Table(StorageNames.KeysTable));

    /// <summary>Creates a key, which is returned only here.</summary>
    /// <param name="tenant">1 to 40 lower-case letters, digits and hyphens: it becomes part of keys and blob names.</param>
    /// <param name="name">1 to 100 characters.</param>
    /// <param name="maxPriority">The most that its batches may ask for.</param>
    /// <exception cref="ArgumentException">The tenant or the name is invalid.</exception>
    public async Task<string> CreateAsync(
        string tenant, string name, CancellationToken cancellation, BatchPriority maxPriority = BatchPriority.High)
    {
        RequireTenant(tenant);
        if (name.Length is 0 or > MaxNameLength)
            throw new ArgumentException($"A name has 1 to {MaxNameLength} characters", nameof(name));
        string id = RandomNumberGenerator.GetHexString(IdDigits, lowercase: true);
        string secret = RandomNumberGenerator.GetHexString(SecretDigits, lowercase: true);
        var record = Record(id, secret, tenant, name);
        record.MaxPriority = maxPriority;
        await _records.AddIdempotentAsync(record, cancellation);
        return $"llada-{id}-{secret}";
    }

    /// <summary>Stores a key that was created before and that storage has lost since.</summary>
    /// <returns>False when the text is no key, or when there is a record of the key, such as that of a revoked one.</returns>
    public async Task<bool> TryRestoreAsync(string key, string tenant, string name, CancellationToken cancellation)
    {
        if (KeyPattern().Match(key) is not { Success: true } match)
            return false;
        try
        {
            await _records.AddAsync(Record(match.Groups["id"].Value, match.Groups["secret"].Value, tenant, name), cancellation);
            return true;
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            return false;
        }
    }

    /// <exception cref="ArgumentException">No tenant can have this name.</exception>
    public static void RequireTenant(string tenant)
    {
        if (!TenantPattern().IsMatch(tenant))
            throw new ArgumentException(
                $"'{tenant}' is no valid tenant: use 1 to 40 lower-case letters, digits and hyphens", nameof(tenant));
    }

    /// <summary>The record of a key; null for an unknown or revoked key.</summary>
    public async Task<ApiKeyRecord?> FindAsync(string key, CancellationToken cancellation)
    {
        if (KeyPattern().Match(key) is not { Success: true } match)
            return null;
        var record = await _records.FindAsync(ApiKeyRecord.Partition, match.Groups["id"].Value, cancellation);
        byte[] expected = record is null ? new byte[SHA256.HashSizeInBytes] : Convert.FromHexString(record.SecretHash);
        bool isRight = CryptographicOperations.FixedTimeEquals(expected, Hash(match.Groups["secret"].Value));
        return isRight && record is { RevokedAt: null } ? record : null;
    }

    /// <summary>All keys, revoked ones included.</summary>
    public IAsyncEnumerable<ApiKeyRecord> ListAsync(CancellationToken cancellation) =>
        _records.ListAsync(ApiKeyRecord.Partition, after: null, cancellation);

    /// <summary>Revokes a key from the next request on.</summary>
    /// <returns>False when there is no such key.</returns>
    public async Task<bool> RevokeAsync(string id, CancellationToken cancellation)
    {
        var revoked = await _records.UpdateAsync(ApiKeyRecord.Partition, id, record =>
        {
            if (record.RevokedAt is not null)
                return false;
            record.RevokedAt = time.GetUtcNow();
            return true;
        }, cancellation);
        return revoked.Row is not null;
    }

    private ApiKeyRecord Record(string id, string secret, string tenant, string name) => new()
    {
        PartitionKey = ApiKeyRecord.Partition,
        RowKey = id,
        Name = name,
        Tenant = tenant,
        SecretHash = Convert.ToHexStringLower(Hash(secret)),
        CreatedAt = time.GetUtcNow(),
    };

    private static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    [GeneratedRegex("^[a-z0-9-]{1,40}\\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TenantPattern();

    [GeneratedRegex("^llada-(?<id>[0-9a-f]{12})-(?<secret>[0-9a-f]{64})\\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex KeyPattern();
}
