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

/// <summary>Who still needs a model: batches and fine-tuning jobs that have not ended, schedules, and adapters that change it.</summary>
public sealed class ModelUsers(StorageAccount storage, TimeProvider time)
{
    private const int MaxLineBytes = 64 << 20;

    private readonly ModelCatalog _catalog = new(storage);
    private readonly BatchStore _batches = new(storage, time);
    private readonly FileStore _files = new(storage, time);
    private readonly FineTuningStore _trainings = new(storage, time);
    private readonly ScheduleStore _schedules = new(storage);

    /// <summary>Their ids. A tenant that has a model of its own by that name means that one.</summary>
    public async IAsyncEnumerable<string> ListAsync(ModelRecord model, [EnumeratorCancellation] CancellationToken cancellation)
    {
        bool isEverybodys = model.Tenant == ModelRecord.EveryTenant;
        var others = await TenantsOfOthersAsync(_catalog, model, cancellation);
        foreach (string adapter in await AdaptersAsync(_catalog, model, cancellation))
            yield return adapter;
        await foreach (var (_, batch) in isEverybodys ? _batches.ListActiveAsync(cancellation) : _batches.ListActiveBatchesAsync(model.Tenant, cancellation))
        {
            if (!batch.IsTerminal && Means(batch.Tenant) && await ModelOfAsync(batch, cancellation) == model.Id)
                yield return batch.Id;
        }
        await foreach (var job in isEverybodys ? _trainings.ListActiveAsync(cancellation) : _trainings.ListActiveAsync(model.Tenant, cancellation))
        {
            // A run goes on from its own last checkpoint, which is a model as well.
            bool isCheckpoint = model.Folder.StartsWith($"{job.Tenant}/{job.RowKey}/", StringComparison.Ordinal);
            if (!job.IsTerminal && ((Means(job.Tenant) && job.Model == model.Id) || isCheckpoint))
                yield return job.Id;
        }
        await foreach (var schedule in isEverybodys ? _schedules.Records.ScanAsync("", cancellation) : _schedules.Records.ListAsync(model.Tenant, after: null, cancellation))
        {
            if (schedule.DeletedAt is null && Means(schedule.Tenant) && (ModelOf(schedule) == model.Id || schedule.LastModel == model.Id || await LastResultAsync(schedule, cancellation) == model.Id))
                yield return schedule.Id;
        }

        bool Means(string tenant) => tenant == model.Tenant || (isEverybodys && !others.Contains(tenant));
    }

    /// <summary>The adapters that change a model, also those whose removal may still be taken back.</summary>
    public static async Task<IReadOnlyList<string>> AdaptersAsync(ModelCatalog catalog, ModelRecord model, CancellationToken cancellation)
    {
        var others = await TenantsOfOthersAsync(catalog, model, cancellation);
        return await catalog.ScanAsync(cancellation)
            .Where(adapter => adapter.State != ModelState.Gone && adapter.BaseModel == model.Id && (adapter.Tenant == model.Tenant || (model.Tenant == ModelRecord.EveryTenant && !others.Contains(adapter.Tenant))))
            .Select(adapter => adapter.Id).ToListAsync(cancellation);
    }

    private static async Task<HashSet<string>> TenantsOfOthersAsync(ModelCatalog catalog, ModelRecord model, CancellationToken cancellation) =>
        await catalog.ListAllAsync(cancellation).Where(other => other.Id == model.Id && other.Tenant != model.Tenant).Select(other => other.Tenant).ToHashSetAsync(comparer: null, cancellation);

    /// <summary>All lines of a batch name one model, so before its plan is there the first one tells.</summary>
    private async Task<string?> ModelOfAsync(BatchRecord batch, CancellationToken cancellation)
    {
        if (batch.Model is not null)
            return batch.Model;
        if (await new BatchBlobs(storage, batch).FindPlanAsync(cancellation) is { } plan)
            return plan.Model;
        if (batch.DocumentBody is not null)
            return Text(Parse(batch.DocumentBody), "model");
        if (batch.InputFileId is null || await _files.FindAsync(batch.Tenant, batch.InputFileId, cancellation) is not { } input)
            return null;
        await using var content = await _files.OpenReadAsync(input, cancellation);
        var first = await JsonLines.ReadAsync(content, MaxLineBytes, cancellation).FirstOrDefaultAsync(cancellation);
        return first.Bytes is null ? null : Text(Property(Parse(first.Bytes), "body"), "model");
    }

    private static string? ModelOf(ScheduleRecord schedule) => Text(Property(Parse(schedule.Definition), "job"), "model");

    /// <summary>What its next job may begin with, although it has not looked yet.</summary>
    private async Task<string?> LastResultAsync(ScheduleRecord schedule, CancellationToken cancellation) =>
        schedule.LastJobKey is { } key ? (await _trainings.Records.FindAsync(schedule.Tenant, key, cancellation))?.FineTunedModel : null;

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

    private static JsonElement Property(JsonElement parent, string name) => parent.ValueKind == JsonValueKind.Object && parent.TryGetProperty(name, out var value) ? value : default;

    private static string? Text(JsonElement parent, string name)
    {
        try
        {
            return Property(parent, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;
        }
        catch (InvalidOperationException)
        {
            return null;    // half of a surrogate pair, which no model's name has
        }
    }
}
