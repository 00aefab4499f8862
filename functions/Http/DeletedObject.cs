namespace LLaDA.Batch.Functions.Http;

/// <summary>An object that is gone.</summary>
public sealed record DeletedObject
{
    public required string Id { get; init; }

    public required string Object { get; init; }

    public bool Deleted => true;
}
