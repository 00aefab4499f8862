using LLaDA.Batch.Shared.Files;

namespace LLaDA.Batch.Functions.Files;

/// <summary>A file on the wire. <c>status</c> is deprecated and required.</summary>
public sealed record FileObject
{
    public required string Id { get; init; }

    public required long Bytes { get; init; }

    public required long CreatedAt { get; init; }

    public required long? ExpiresAt { get; init; }

    public required string Filename { get; init; }

    public required string Purpose { get; init; }

    public string Object => "file";

    public string Status => "processed";

    public static FileObject From(FileRecord file) => new()
    {
        Id = file.Id,
        Bytes = file.Bytes,
        CreatedAt = file.CreatedAt.ToUnixTimeSeconds(),
        ExpiresAt = file.ExpiresAt?.ToUnixTimeSeconds(),
        Filename = file.Filename,
        Purpose = file.Purpose,
    };
}
