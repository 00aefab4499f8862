using System.Runtime.Serialization;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Uploads;

/// <summary>The states of an upload. That it has expired follows from its time.</summary>
public enum UploadState
{
    /// <summary>It takes parts.</summary>
    Pending,

    /// <summary>Its parts are being joined, in an order that no longer changes.</summary>
    Completing,

    Completed,

    Cancelled,
}

/// <summary>A file that comes in parts. The parts are blocks of the file's blob, which exists once they are joined.</summary>
public sealed class UploadRecord : TableRow
{
    public const string IdPrefix = "upload_";

    [IgnoreDataMember]
    public string Id => IdPrefix + RowKey;

    [IgnoreDataMember]
    public string Tenant => PartitionKey;

    public UploadState State { get; set; }

    public string Filename { get; set; } = "";

    public string Purpose { get; set; } = "";

    public string MimeType { get; set; } = "";

    /// <summary>Bytes of the whole file, as announced.</summary>
    public long Bytes { get; set; }

    /// <summary>How long the file is kept, in seconds; null leaves it to the service.</summary>
    public int? FileSeconds { get; set; }

    /// <summary>A hash of the ids of its parts in their order, from the first completion on.</summary>
    public string? PartsHash { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    public DateTimeOffset ExpiresAt { get; set; }

    public bool IsExpired(DateTimeOffset now) => State == UploadState.Pending && now >= ExpiresAt;

    /// <summary>Its parts are joined from here on. Holds again for the same parts, since a process may have died.</summary>
    public bool TryBeginCompletion(string partsHash, DateTimeOffset now)
    {
        if (State == UploadState.Completing && PartsHash == partsHash)
            return true;
        if (State != UploadState.Pending || IsExpired(now))
            return false;
        (State, PartsHash) = (UploadState.Completing, partsHash);
        return true;
    }

    /// <summary>Its file is visible.</summary>
    public bool TryComplete()
    {
        if (State != UploadState.Completing)
            return false;
        State = UploadState.Completed;
        return true;
    }

    /// <summary>Its parts are not what was announced: it has to begin again as another upload.</summary>
    public bool TryRefuse()
    {
        if (State != UploadState.Completing)
            return false;
        State = UploadState.Cancelled;
        return true;
    }

    /// <summary>The client gives it up.</summary>
    public bool TryCancel()
    {
        if (State != UploadState.Pending)
            return false;
        State = UploadState.Cancelled;
        return true;
    }
}

/// <summary>A part of an upload: written once its blocks are there, or before a client sends them to storage itself.</summary>
public sealed class UploadPartRecord : TableRow
{
    public const string IdPrefix = "part_";

    [IgnoreDataMember]
    public string Id => IdPrefix + RowKey;

    public long Bytes { get; set; }

    public int NumBlocks { get; set; }

    public DateTimeOffset CreatedAt { get; set; }

    /// <summary>All parts of an upload are in a partition of their own.</summary>
    public static string Partition(UploadRecord upload) => $"{upload.Tenant}|{upload.RowKey}";
}
