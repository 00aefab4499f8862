using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Keys;

/// <summary>The owner of a key; the key itself is not stored.</summary>
public sealed class ApiKeyRecord : TableRow
{
    public const string Partition = "keys";

    /// <summary>The public part of the key.</summary>
    [IgnoreDataMember]
    public string Id => RowKey;

    /// <summary>The owner's name for the key.</summary>
    public string Name { get; set; } = "";

    public string Tenant { get; set; } = "";

    /// <summary>SHA-256 of the secret part, in hexadecimal digits.</summary>
    public string SecretHash { get; set; } = "";

    /// <summary>The most that its batches may ask for.</summary>
    public BatchPriority MaxPriority { get; set; } = BatchPriority.High;

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset? RevokedAt { get; set; }
}
