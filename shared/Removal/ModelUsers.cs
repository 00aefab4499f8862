using System.Runtime.CompilerServices;
using System.Text.Json;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Shared.Removal;

/// <summary>The users of a model: batches and fine-tuning jobs that have not ended, schedules, and adapters that change it.</summary>
public sealed class ModelUsers(
    StorageAccount storage, ModelCatalog catalog, BatchStore batches, FileStore files, FineTuningStore jobs, ScheduleStore schedules)
{
    private const int MaxLineBytes = 64 << 20;

    /// <summary>The ids of the users. A tenant with a model of its own by that name uses its own.</summary>
    public async IAsyncEnumerable<string> ListAsync(ModelRecord model, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string? tenant = model.Tenant == ModelRecord.EveryTenant ? null : model.Tenant;
        var others = await TenantsOfOthersAsync(catalog, model, cancellation);
        foreach (string adapter in await AdaptersAsync(catalog, model, cancellation))
            yield return adapter;
        await foreach (var (_, answer) in batches.OpenAnswers.ListJobsAsync(tenant, cancellation))
        {
            if (!answer.IsTerminal && Means(answer.Tenant) && answer.Model == model.Id)
                yield return answer.Id;
        }
        await foreach (var (_, batch) in batches.Open.ListJobsAsync(tenant, cancellation))
        {
            if (!batch.IsTerminal && Means(batch.Tenant) && await ModelOfAsync(batch, cancellation) == model.Id)
                yield return batch.Id;
        }
        await foreach (var (_, job) in jobs.Open.ListJobsAsync(tenant, cancellation))
        {
            // A run resumes from its own last checkpoint, which is a model as well.
            bool isCheckpoint = model.Folder.StartsWith($"{job.Tenant}/{job.RowKey}/", StringComparison.Ordinal);
            if (!job.IsTerminal && ((Means(job.Tenant) && job.Model == model.Id) || isCheckpoint))
                yield return job.Id;
        }
        var all = tenant is null
            ? schedules.Records.ScanAsync("", cancellation)
            : schedules.Records.ListAsync(tenant, after: null, cancellation);
        await foreach (var schedule in all)
        {
            if (schedule.DeletedAt is null && Means(schedule.Tenant) && await NamesAsync(schedule, model.Id, cancellation))
                yield return schedule.Id;
        }

        bool Means(string user) => user == model.Tenant || (tenant is null && !others.Contains(user));
    }

    /// <summary>The adapters that change a model, also those whose removal may still be undone.</summary>
    public static async Task<IReadOnlyList<string>> AdaptersAsync(
        ModelCatalog catalog, ModelRecord model, CancellationToken cancellation)
    {
        var others = await TenantsOfOthersAsync(catalog, model, cancellation);
        bool Means(string user) => user == model.Tenant || (model.Tenant == ModelRecord.EveryTenant && !others.Contains(user));
        return await catalog.ScanAsync(cancellation)
            .Where(adapter => adapter.State != ModelState.Gone && adapter.BaseModel == model.Id && Means(adapter.Tenant))
            .Select(adapter => adapter.Id)
            .ToListAsync(cancellation);
    }

    private static async Task<HashSet<string>> TenantsOfOthersAsync(
        ModelCatalog catalog, ModelRecord model, CancellationToken cancellation) =>
        await catalog.ListAllAsync(cancellation)
            .Where(other => other.Id == model.Id && other.Tenant != model.Tenant)
            .Select(other => other.Tenant)
            .ToHashSetAsync(comparer: null, cancellation);

    /// <summary>All lines of a batch name one model, so until the batch is planned its first line is read.</summary>
    private async Task<string?> ModelOfAsync(BatchRecord batch, CancellationToken cancellation)
    {
        if (batch.Model is not null)
            return batch.Model;
        if (await new BatchBlobs(storage, batch).FindPlanAsync(cancellation) is { } plan)
            return plan.Model;
        if (batch.DocumentBody is not null)
            return Parse(batch.DocumentBody).FindText("model");
        if (batch.InputFileId is null || await files.FindAsync(batch.Tenant, batch.InputFileId, cancellation) is not { } input)
            return null;
        await using var content = await files.OpenReadAsync(input, cancellation);
        var first = await JsonLines.ReadAsync(content, MaxLineBytes, cancellation).FirstOrDefaultAsync(cancellation);
        return first.Bytes is null ? null : Parse(first.Bytes).Find("body")?.FindText("model");
    }

    private async Task<bool> NamesAsync(ScheduleRecord schedule, string model, CancellationToken cancellation) =>
        Parse(schedule.Definition).Find("job")?.FindText("model") == model
        || schedule.LastModel == model
        || await LastResultAsync(schedule, cancellation) == model;

    /// <summary>The model with which its next job may begin, although the schedule has not recorded it yet.</summary>
    private async Task<string?> LastResultAsync(ScheduleRecord schedule, CancellationToken cancellation) =>
        schedule.LastJobKey is { } key ? (await jobs.Records.FindAsync(schedule.Tenant, key, cancellation))?.FineTunedModel : null;

    private static JsonElement Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            return JsonElement.Parse(json.Span);
        }
        catch (JsonException)
        {
            return default;
        }
    }

    private static JsonElement Parse(string json) => Parse(System.Text.Encoding.UTF8.GetBytes(json));
}
