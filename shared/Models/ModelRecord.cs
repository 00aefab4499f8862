using System.Runtime.Serialization;
using System.Text;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Models;

/// <summary>A model that batches can name.</summary>
public sealed class ModelRecord : Record
{
    /// <summary>The partition of the models that every tenant may use.</summary>
    public const string EveryTenant = "_everyone";

    public string Id { get; set; } = "";

    /// <summary>The hardware that runs it, and so the queue of its shards.</summary>
    public string Profile { get; set; } = StorageNames.DefaultProfile;

    /// <summary>Its longest canvas, in tokens.</summary>
    public int ContextLength { get; set; }

    /// <summary>Tokens that a worker passes through the model in a second, padding included: from it the plan knows how long a line takes.</summary>
    public double TokenForwardsPerSecond { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    /// <summary>Ids hold characters that keys may not.</summary>
    public static string Key(string id) => Convert.ToHexStringLower(Encoding.UTF8.GetBytes(id));
}
