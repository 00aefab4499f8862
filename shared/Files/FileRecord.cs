using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.Files;

/// <summary>The purposes of files. OpenAI's clients refuse any value that they do not know.</summary>
public static class FilePurpose
{
    public const string Batch = "batch";
    public const string BatchOutput = "batch_output";
    public const string FineTune = "fine-tune";
    public const string FineTuneResults = "fine-tune-results";

    /// <summary>The purposes that clients may upload.</summary>
    public static IReadOnlyList<string> Uploadable { get; } = [Batch, FineTune];
}

/// <summary>An uploaded or produced file; its bytes are the blob of its key.</summary>
public sealed class FileRecord : TableRow
{
    public const string IdPrefix = "file-";

    [IgnoreDataMember]
    public string Id => IdPrefix + RowKey;

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    public string Filename { get; set; } = "";

    public string Purpose { get; set; } = "";

    public long Bytes { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>When it ceases to exist, although row and bytes are deleted a little later; null when it is kept.</summary>
    public DateTimeOffset? ExpiresAt { get; set; }

    public bool IsExpired(DateTimeOffset now) => ExpiresAt <= now;
}
