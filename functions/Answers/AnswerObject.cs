using LLaDA.Batch.Shared.Batches;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>An answer that is still in work, on the wire. Times are whole seconds.</summary>
public sealed record AnswerObject
{
    public required string Id { get; init; }

    public string Object => "answer";

    public string Status => "in_progress";

    public required string Endpoint { get; init; }

    public required string? Model { get; init; }

    public required long CreatedAt { get; init; }

    /// <summary>When the work is given up.</summary>
    public required long ExpiresAt { get; init; }

    public static AnswerObject From(BatchRecord answer) => new()
    {
        Id = answer.Id,
        Endpoint = answer.Endpoint,
        Model = answer.Model,
        CreatedAt = answer.CreatedAt.ToUnixTimeSeconds(),
        ExpiresAt = answer.ExpiresAt.ToUnixTimeSeconds(),
    };
}
