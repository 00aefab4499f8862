using System.Text.Json;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary><c>/v1/fine_tuning/jobs</c>.</summary>
internal static class FineTuningApi
{
    private const int DefaultLimit = 20, DefaultCheckpoints = 10, MaxLimit = 100;
    private static readonly TimeSpan s_untilAJobEnds = TimeSpan.FromSeconds(60), s_untilOnesArePlanned = TimeSpan.FromSeconds(10);

    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapPost("/fine_tuning/jobs", CreateAsync);
        v1.MapGet("/fine_tuning/jobs", ListAsync);
        v1.MapGet("/fine_tuning/jobs/{id}", GetAsync);
        v1.MapPost("/fine_tuning/jobs/{id}/cancel", CancelAsync);
        v1.MapPost("/fine_tuning/jobs/{id}/pause", PauseAsync);
        v1.MapPost("/fine_tuning/jobs/{id}/resume", ResumeAsync);
        v1.MapGet("/fine_tuning/jobs/{id}/events", EventsAsync);
        v1.MapGet("/fine_tuning/jobs/{id}/checkpoints", CheckpointsAsync);
    }

    private static async Task<IResult> CreateAsync(
        HttpContext context, FileStore files, ModelCatalog models, FineTuningStore jobs, FineTuningEvents events, WorkQueues queues, ServiceLimits limits, TimeProvider time)
    {
        var cancellation = context.RequestAborted;
        var body = await JsonBody.ReadAsync(context.Request, cancellation);
        var asked = NewFineTuningJob.Read(body);
        if (await models.FindAsync(context.Tenant(), asked.Model, cancellation) is null)
            throw ApiException.InvalidRequest($"There is no model '{asked.Model}'", "model", "model_not_found");
        string training = await FileAsync(body, "training_file", isRequired: true, context, files) ?? "";
        string? validation = await FileAsync(body, "validation_file", isRequired: false, context, files);
        if (await jobs.CountActiveAsync(context.Tenant(), cancellation) >= limits.MaxActiveTrainings)
            throw ApiException.TooMany($"You have {limits.MaxActiveTrainings} fine-tuning jobs that have not ended, and more are not allowed", "rate_limit_exceeded", s_untilAJobEnds);
        if (await queues.CountAsync(StorageNames.PlanTrainingQueue, cancellation) >= limits.MaxQueuedPlans)
            throw ApiException.TooMany("Too many fine-tuning jobs wait to be planned", "server_overloaded", s_untilOnesArePlanned);

        string key = SortableKey.Create(time);
        var job = asked.ToRecord(context.Tenant(), key, Random.Shared.Next());
        (job.TrainingFileId, job.ValidationFileId) = (training, validation);
        await jobs.AddAsync(job, cancellation);
        await events.AddAsync(job, step: 0, run: 0, FineTuningEventKind.Created, $"Created fine-tuning job: {job.Id}", cancellation);
        await queues.SendPlanTrainingAsync(job.Tenant, job.RowKey, cancellation);
        return Json(job, time);
    }

    private static async Task<IResult> ListAsync(HttpContext context, FineTuningStore jobs, TimeProvider time)
    {
        var query = ListQuery.Read(context.Request, FineTuningJobRecord.IdPrefix, DefaultLimit, MaxLimit);
        var wanted = MetadataFilter.Read(context.Request);
        var (page, hasMore) = await jobs.Records.PageAsync(context.Tenant(), query.AfterKey, query.Limit, query.IsAscending, job => wanted.Matches(job.Metadata), context.RequestAborted);
        var objects = page.Select(job => FineTuningJobObject.From(job, time.GetUtcNow())).ToList();
        return Results.Json(new ListPage<FineTuningJobObject>(objects, page.FirstOrDefault()?.Id, page.LastOrDefault()?.Id, hasMore), WireJson.Options);
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, FineTuningStore jobs, TimeProvider time) => Json(await FindAsync(id, context, jobs), time);

    private static async Task<IResult> CancelAsync(string id, HttpContext context, FineTuningStore jobs, FineTuningCancellation cancel, FineTuningClosing close, TimeProvider time)
    {
        var (job, isDone) = await cancel.RunAsync(await FindAsync(id, context, jobs), context.RequestAborted);
        if (!isDone)
            throw WrongState(job, "cancelled");
        await close.RunAsync(job!, context.RequestAborted);
        return Json(job!, time);
    }

    /// <summary>The run at work makes a checkpoint and stops.</summary>
    private static async Task<IResult> PauseAsync(string id, HttpContext context, FineTuningStore jobs, FineTuningEvents events, TimeProvider time)
    {
        var paused = await ChangeAsync(id, context, jobs, "paused", job =>
        {
            bool isAtWork = job.Status is FineTuningStatus.ValidatingFiles or FineTuningStatus.Queued or FineTuningStatus.Running;
            if (isAtWork)
                (job.Status, job.EstimatedFinishAt) = (FineTuningStatus.Paused, null);
            return isAtWork;
        });
        await events.AddAsync(paused, paused.Step, paused.RunNumber, FineTuningEventKind.Paused, "The job is paused", context.RequestAborted);
        return Json(paused, time);
    }

    private static async Task<IResult> ResumeAsync(string id, HttpContext context, FineTuningStore jobs, FineTuningEvents events, WorkQueues queues, TimeProvider time)
    {
        var resumed = await ChangeAsync(id, context, jobs, "resumed", job =>
        {
            if (job.Status != FineTuningStatus.Paused)
                return false;
            (job.Status, job.QueuedAt) = (job.Profile is null ? FineTuningStatus.ValidatingFiles : FineTuningStatus.Queued, time.GetUtcNow());
            return true;
        });
        await events.AddAsync(resumed, resumed.Step, resumed.RunNumber, FineTuningEventKind.Resumed, "The job goes on", context.RequestAborted);
        if (resumed.Profile is null)
            await queues.SendPlanTrainingAsync(resumed.Tenant, resumed.RowKey, context.RequestAborted);
        else
            await queues.SendTrainAsync(resumed.Profile, resumed.Tenant, resumed.RowKey, context.RequestAborted);
        return Json(resumed, time);
    }

    private static async Task<IResult> EventsAsync(string id, HttpContext context, FineTuningStore jobs, FineTuningEvents events)
    {
        var job = await FindAsync(id, context, jobs);
        var query = ListQuery.Read(context.Request, text => FineTuningEvents.ParseId(job, text), DefaultLimit, MaxLimit);
        var (page, hasMore) = await events.Records.PageAsync(FineTuningEvents.Partition(job), query.AfterKey, query.Limit, query.IsAscending, _ => true, context.RequestAborted);
        var objects = page.Select(entry => FineTuningEventObject.From(job, entry)).ToList();
        return Results.Json(new ListPage<FineTuningEventObject>(objects, objects.FirstOrDefault()?.Id, objects.LastOrDefault()?.Id, hasMore), WireJson.Options);
    }

    private static async Task<IResult> CheckpointsAsync(string id, HttpContext context, FineTuningStore jobs, FineTunedModels models)
    {
        var job = await FindAsync(id, context, jobs);
        var query = ListQuery.Read(context.Request, text => CheckpointRecord.ParseId(job, text), DefaultCheckpoints, MaxLimit);
        var (page, hasMore) = await models.Checkpoints.PageAsync(CheckpointRecord.Partition(job), query.AfterKey, query.Limit, query.IsAscending, _ => true, context.RequestAborted);
        var objects = page.Select(checkpoint => CheckpointObject.From(job, checkpoint)).ToList();
        return Results.Json(new ListPage<CheckpointObject>(objects, objects.FirstOrDefault()?.Id, objects.LastOrDefault()?.Id, hasMore), WireJson.Options);
    }

    private static async Task<FineTuningJobRecord> FindAsync(string id, HttpContext context, FineTuningStore jobs) =>
        await jobs.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw ApiException.NotFound($"fine-tuning job: {id}");

    /// <param name="change">Says whether the job's state allows it.</param>
    private static async Task<FineTuningJobRecord> ChangeAsync(string id, HttpContext context, FineTuningStore jobs, string what, Func<FineTuningJobRecord, bool> change)
    {
        var job = await FindAsync(id, context, jobs);
        bool isDone = false;
        var changed = await jobs.UpdateAsync(job, current => isDone = change(current), context.RequestAborted);
        return isDone ? changed! : throw WrongState(changed, what);
    }

    private static ApiException WrongState(FineTuningJobRecord? job, string what) =>
        ApiException.Conflict($"The job is {JsonNamingPolicy.SnakeCaseLower.ConvertName(job?.Status.ToString() ?? "gone")} and cannot be {what}", "wrong_state");

    internal static async Task<string?> FileAsync(JsonElement body, string name, bool isRequired, HttpContext context, FileStore files)
    {
        string? id = isRequired ? JsonBody.Text(body, name) : JsonBody.OptionalText(body, name);
        if (id is null)
            return null;
        var file = await files.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw ApiException.InvalidRequest($"No such file: {id}", name, "file_not_found");
        return file.Purpose == FilePurpose.FineTune
            ? file.Id
            : throw ApiException.InvalidRequest($"The file has the purpose '{file.Purpose}'; a fine-tuning job needs one with the purpose '{FilePurpose.FineTune}'", name, "invalid_purpose");
    }

    private static IResult Json(FineTuningJobRecord job, TimeProvider time) => Results.Json(FineTuningJobObject.From(job, time.GetUtcNow()), WireJson.Options);
}
