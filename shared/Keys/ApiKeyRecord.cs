using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Keys;

/// <summary>A key's owner; the key itself is kept nowhere.</summary>
public sealed class ApiKeyRecord : TableRow
{
    public const string Partition = "keys";

    /// <summary>The part of the key that is no secret.</summary>
    [IgnoreDataMember]
    public string Id => RowKey;

    /// <summary>What its owner calls it.</summary>
    public string Name { get; set; } = "";

    public string Tenant { get; set; } = "";

    /// <summary>SHA-256 of the secret part, in hexadecimal digits.</summary>
    public string SecretHash { get; set; } = "";

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset? RevokedAt { get; set; }
}
