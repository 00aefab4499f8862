namespace LLaDA.Batch.Client.Files;

/// <summary>A file of the service.</summary>
/// <param name="ExpiresAt">Null for a file that is kept.</param>
public sealed record StoredFile(string Id, long Bytes, DateTimeOffset CreatedAt, DateTimeOffset? ExpiresAt, string Filename,
    string Purpose);
