using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Jobs;

/// <summary>A batch or a fine-tuning job as operators see it.</summary>
internal sealed record JobView
{
    public required string Id { get; init; }

    public required string Tenant { get; init; }

    public required string Status { get; init; }

    public required string? Model { get; init; }

    public required DateTimeOffset CreatedAt { get; init; }

    public required DateTimeOffset? EndedAt { get; init; }

    /// <summary>Lines that have an answer, or steps of a fine-tuning job.</summary>
    public required int Done { get; init; }

    /// <summary>0 until the job is planned.</summary>
    public required int Total { get; init; }

    /// <summary>Lines that could not be answered.</summary>
    public int Failed { get; init; }

    /// <summary>Why the job failed; null otherwise.</summary>
    public required string? Reason { get; init; }

    public static async Task<JobView> FromAsync(BatchRecord batch, StorageAccount storage, CancellationToken cancellation)
    {
        var counts = batch.IsTerminal
            ? new PartCounts(batch.CompletedLines, batch.FailedLines, batch.PromptTokens, batch.CompletionTokens)
            : await SumAsync(new BatchBlobs(storage, batch), cancellation);
        return new JobView
        {
            Id = batch.Id,
            Tenant = batch.Tenant,
            Status = Name(batch.Status),
            Model = batch.Model,
            CreatedAt = batch.CreatedAt,
            EndedAt = batch.EndedAt,
            Done = counts.Completed,
            Total = batch.TotalLines,
            Failed = counts.Failed,
            Reason = FirstError(batch.Errors),
        };
    }

    public static JobView From(FineTuningJobRecord job) => new()
    {
        Id = job.Id,
        Tenant = job.Tenant,
        Status = Name(job.Status),
        Model = job.Model,
        CreatedAt = job.CreatedAt,
        EndedAt = job.FinishedAt,
        Done = Math.Max(job.Step, job.CheckpointStep),
        Total = job.NumSteps,
        Reason = job.ErrorMessage,
    };

    /// <summary>The wire name of a status.</summary>
    public static string Name<T>(T status)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString());

    private static async Task<PartCounts> SumAsync(BatchBlobs blobs, CancellationToken cancellation)
    {
        var sum = PartCounts.None;
        foreach (var part in (await blobs.Parts.ListAsync(cancellation)).Values)
            sum += part;
        return sum;
    }

    private static string? FirstError(string? errors)
    {
        if (errors is null || JsonNode.Parse(errors) is not JsonArray { Count: > 0 } all)
            return null;
        string message = all[0]!["message"]?.ToString() ?? "";
        string line = all[0]!["line"] is { } number ? $"line {number}: " : "";
        return $"{line}{message}{(all.Count > 1 ? $" (and {all.Count - 1} more)" : "")}";
    }
}
