using System.Collections.Concurrent;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Files;

namespace LLaDA.Batch.Functions.Quotas;

/// <summary>
/// Limits the files of a tenant and their bytes. They are counted from the records of the files, so nothing can leak; a count is kept for a
/// moment, and files of this process are added to it.
/// </summary>
/// <remarks>Counted, not reserved: concurrent uploads, also of other processes, may pass a limit by their number.</remarks>
internal sealed class FileQuota(FileStore files, TenantQuotas quotas, TimeProvider time)
{
    /// <summary>How long a count is used, and how long one is that leaves no room.</summary>
    private static readonly TimeSpan s_kept = TimeSpan.FromMinutes(1), s_keptFull = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, Stored> _counts = new(StringComparer.Ordinal);

    /// <returns>Bytes that the tenant may add.</returns>
    /// <exception cref="ApiException">400: there is no room for a file.</exception>
    public async Task<long> RequireRoomAsync(string tenant, CancellationToken cancellation)
    {
        var quota = await quotas.OfAsync(tenant, cancellation);
        var stored = _counts.GetValueOrDefault(tenant);
        bool isFull = stored is null || stored.Files >= quota.StoredFiles || stored.Bytes >= quota.StoredBytes;
        if (stored is null || time.GetElapsedTime(stored.CountedAt) > (isFull ? s_keptFull : s_kept))
            stored = _counts[tenant] = await CountAsync(tenant, cancellation);
        if (stored.Files >= quota.StoredFiles)
        {
            throw ApiException.InvalidRequest(
                $"You have {stored.Files} files; at most {quota.StoredFiles} are allowed. Delete some, or ask the operator for more",
                code: "too_many_files");
        }
        return stored.Bytes < quota.StoredBytes ? quota.StoredBytes - stored.Bytes : throw NoRoom(quota.StoredBytes);
    }

    /// <summary>The error of a file that is larger than the room that is left.</summary>
    public async Task<ApiException> NoRoomAsync(string tenant, CancellationToken cancellation) =>
        NoRoom((await quotas.OfAsync(tenant, cancellation)).StoredBytes);

    /// <summary>Counts a file that this process has stored.</summary>
    public void Add(FileRecord file)
    {
        if (_counts.TryGetValue(file.Tenant, out var stored))
            _counts.TryUpdate(file.Tenant, stored with { Files = stored.Files + 1, Bytes = stored.Bytes + file.Bytes }, stored);
    }

    /// <summary>Counts again next time: the tenant has deleted a file, perhaps once more.</summary>
    public void Forget(string tenant) => _counts.TryRemove(tenant, out _);

    private static ApiException NoRoom(long limit) => ApiException.InvalidRequest(
        $"With this your files have more than {limit} bytes, which is not allowed. Delete some, or ask the operator for more",
        code: "storage_limit_exceeded");

    private async Task<Stored> CountAsync(string tenant, CancellationToken cancellation)
    {
        var stored = new Stored(0, 0, time.GetTimestamp());
        var now = time.GetUtcNow();
        await foreach (var file in files.Records.ListAsync(tenant, after: null, cancellation))
        {
            if (!file.IsExpired(now))
                stored = stored with { Files = stored.Files + 1, Bytes = stored.Bytes + file.Bytes };
        }
        return stored;
    }

    private sealed record Stored(int Files, long Bytes, long CountedAt);
}
