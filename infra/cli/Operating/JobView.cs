using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Cli.Operating;

/// <summary>A batch or a fine-tuning job as operators see it.</summary>
/// <param name="Done">Lines that are answered, or steps of a training.</param>
/// <param name="Total">0 until it is planned.</param>
/// <param name="Failed">Lines that could not be answered.</param>
/// <param name="Reason">Why it failed.</param>
internal sealed record JobView(string Id, string Tenant, string Status, string? Model, DateTimeOffset CreatedAt, DateTimeOffset? EndedAt, int Done, int Total, int Failed, string? Reason)
{
    public static async Task<JobView> FromAsync(BatchRecord batch, StorageAccount storage, CancellationToken cancellation)
    {
        var counts = batch.IsTerminal
            ? new PartCounts(batch.CompletedLines, batch.FailedLines, batch.PromptTokens, batch.CompletionTokens)
            : (await new BatchBlobs(storage, batch).ListPartsAsync(cancellation)).Values.Aggregate(PartCounts.None, (sum, part) => sum + part);
        return new JobView(
            batch.Id, batch.Tenant, Name(batch.Status), batch.Model, batch.CreatedAt, batch.EndedAt, counts.Completed, batch.TotalLines, counts.Failed, FirstError(batch.Errors));
    }

    public static JobView From(FineTuningJobRecord job) =>
        new(job.Id, job.Tenant, Name(job.Status), job.Model, job.CreatedAt, job.FinishedAt, Math.Max(job.Step, job.CheckpointStep), job.NumSteps, Failed: 0, job.ErrorMessage);

    public static string Name<T>(T status)
        where T : struct, Enum => JsonNamingPolicy.SnakeCaseLower.ConvertName(status.ToString());

    private static string? FirstError(string? errors)
    {
        if (errors is null || JsonNode.Parse(errors) is not JsonArray { Count: > 0 } all)
            return null;
        string message = all[0]!["message"]?.ToString() ?? "";
        string line = all[0]!["line"] is { } number ? $"line {number}: " : "";
        return $"{line}{message}{(all.Count > 1 ? $" (and {all.Count - 1} more)" : "")}";
    }
}
