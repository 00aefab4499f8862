using System.Collections.Concurrent;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Keys;

namespace LLaDA.Batch.Functions.Quotas;

/// <summary>What a tenant may have and do.</summary>
/// <param name="StoredBytes">Bytes of all its files.</param>
/// <param name="RequestsPerSecond">Of each of its keys, in the long run.</param>
/// <param name="MaxPriority">Of its batches, whatever a key allows.</param>
internal sealed record TenantQuota(long StoredBytes, int StoredFiles, int RequestsPerSecond, int UploadsAtOnce, BatchPriority MaxPriority);

/// <summary>The quotas of tenants: those that an operator has set, and else the service's.</summary>
internal sealed class TenantQuotas(TenantLimits own, ServiceLimits limits, TimeProvider time)
{
    /// <summary>How long a change by an operator may take to hold.</summary>
    public static readonly TimeSpan Kept = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<string, (TenantQuota Quota, long Read)> _known = new(StringComparer.Ordinal);

    /// <param name="tenant">The owner of a valid key.</param>
    public async Task<TenantQuota> OfAsync(string tenant, CancellationToken cancellation)
    {
        if (_known.TryGetValue(tenant, out var known) && time.GetElapsedTime(known.Read) < Kept)
            return known.Quota;
        var set = await own.FindAsync(tenant, cancellation);
        var quota = new TenantQuota(
            set?.StoredBytes ?? limits.MaxStoredBytes,
            set?.StoredFiles ?? limits.MaxStoredFiles,
            set?.RequestsPerSecond ?? limits.MaxRequestsPerSecond,
            set?.UploadsAtOnce ?? limits.MaxUploadsAtOnce,
            set?.MaxPriority ?? BatchPriority.High);
        _known[tenant] = (quota, time.GetTimestamp());
        return quota;
    }
}
