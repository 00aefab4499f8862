using Azure;
using Azure.Data.Tables;

namespace LLaDA.Batch.Shared.Storage;

/// <summary>A stored row: its partition, its key and the version that conditional writes name.</summary>
public abstract class TableRow : ITableEntity
{
    /// <summary>The tenant, in tables of a tenant's records.</summary>
    public string PartitionKey { get; set; } = "";

    public string RowKey { get; set; } = "";

    /// <summary>When storage last wrote the row.</summary>
    public DateTimeOffset? Timestamp { get; set; }

    public ETag ETag { get; set; }
}
