using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Keys;

/// <summary>The limits of a tenant that an operator has set; null keeps the service's.</summary>
public sealed class TenantLimitsRecord : TableRow
{
    /// <summary>Beside the keys, in their table: workers read neither.</summary>
    public const string Partition = "tenants";

    [IgnoreDataMember]
    public string Tenant => RowKey;

    /// <summary>Bytes of all files.</summary>
    public long? StoredBytes { get; set; }

    public int? StoredFiles { get; set; }

    /// <summary>Of one key.</summary>
    public int? RequestsPerSecond { get; set; }

    public int? UploadsAtOnce { get; set; }

    /// <summary>The most that its batches may ask for.</summary>
    public BatchPriority MaxPriority { get; set; } = BatchPriority.High;
}

/// <summary>The limits that operators have set for single tenants.</summary>
public sealed class TenantLimits(StorageAccount storage)
{
    private readonly TableOf<TenantLimitsRecord> _records = new(storage.Table(StorageNames.KeysTable));

    /// <returns>Null for a tenant with the service's limits.</returns>
    public Task<TenantLimitsRecord?> FindAsync(string tenant, CancellationToken cancellation) =>
        _records.FindAsync(TenantLimitsRecord.Partition, tenant, cancellation);

    /// <summary>Tenants with limits of their own, by name.</summary>
    public IAsyncEnumerable<TenantLimitsRecord> ListAsync(CancellationToken cancellation) =>
        _records.ListAsync(TenantLimitsRecord.Partition, after: null, cancellation);

    /// <param name="change">Sets limits; the others stay as they are.</param>
    /// <returns>The limits as they are now.</returns>
    /// <exception cref="ArgumentException">No tenant can have this name.</exception>
    public async Task<TenantLimitsRecord> SetAsync(string tenant, Action<TenantLimitsRecord> change, CancellationToken cancellation)
    {
        ApiKeys.RequireTenant(tenant);
        var record = await FindAsync(tenant, cancellation)
            ?? new TenantLimitsRecord { PartitionKey = TenantLimitsRecord.Partition, RowKey = tenant };
        change(record);
        await _records.PutAsync(record, cancellation);
        return record;
    }

    /// <summary>Gives a tenant the service's limits again.</summary>
    public Task ResetAsync(string tenant, CancellationToken cancellation) =>
        _records.DeleteAsync(TenantLimitsRecord.Partition, tenant, cancellation);
}
