using LLaDA.Batch.Functions.Files;

namespace LLaDA.Batch.Functions.Uploads;

/// <summary>The states of an upload on the wire; they are OpenAI's.</summary>
public enum UploadStatus
{
    Pending,
    Completed,
    Cancelled,
    Expired,
}

/// <summary>An upload on the wire.</summary>
public sealed record UploadObject
{
    public required string Id { get; init; }

    public required long Bytes { get; init; }

    public required long CreatedAt { get; init; }

    public required string Filename { get; init; }

    public required string Purpose { get; init; }

    public required UploadStatus Status { get; init; }

    public required long ExpiresAt { get; init; }

    /// <summary>Null until it is completed.</summary>
    public FileObject? File { get; init; }

    public string Object => "upload";

    public static UploadObject From(UploadRecord upload, DateTimeOffset now, FileObject? file = null) => new()
    {
        Id = upload.Id,
        Bytes = upload.Bytes,
        CreatedAt = upload.CreatedAt.ToUnixTimeSeconds(),
        Filename = upload.Filename,
        Purpose = upload.Purpose,
        Status = upload.State switch
        {
            UploadState.Completed => UploadStatus.Completed,
            UploadState.Cancelled => UploadStatus.Cancelled,
            _ => upload.IsExpired(now) ? UploadStatus.Expired : UploadStatus.Pending,
        },
        ExpiresAt = upload.ExpiresAt.ToUnixTimeSeconds(),
        File = file,
    };
}

/// <summary>A part of an upload on the wire.</summary>
public sealed record UploadPartObject
{
    public required string Id { get; init; }

    public required long CreatedAt { get; init; }

    public required string UploadId { get; init; }

    /// <summary>Where the client puts the bytes of the part, where it has asked for that; null otherwise.</summary>
    public string? UploadUrl { get; init; }

    public string Object => "upload.part";

    internal static UploadPartObject From(UploadRecord upload, UploadPartRecord part, Uri? url = null) => new()
    {
        Id = part.Id,
        CreatedAt = part.CreatedAt.ToUnixTimeSeconds(),
        UploadId = upload.Id,
        UploadUrl = url?.AbsoluteUri,
    };
}
