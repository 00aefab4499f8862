using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.FineTuning;

/// <summary><c>/v1/fine_tuning/jobs</c>.</summary>
internal static class FineTuningApi
{
    private const int DefaultLimit = 20, DefaultCheckpoints = 10, MaxLimit = 100;
    private static readonly TimeSpan s_untilJobEnds = TimeSpan.FromSeconds(60), s_untilJobsArePlanned = TimeSpan.FromSeconds(10);

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
        HttpContext context,
        JobReferences references,
        FineTuningStore jobs,
        FineTuningEvents events,
        WorkQueues queues,
        TrainingTurns turns,
        ServiceLimits limits,
        TimeProvider time)
    {
        var cancellation = context.RequestAborted;
        string tenant = context.Tenant();
        var asked = NewFineTuningJob.Read(await JsonBody.ReadAsync(context.Request, cancellation));
        await references.RequireAsync(tenant, asked, "", cancellation);
        await RequireRoomAsync(tenant, jobs, queues, limits, cancellation);

        var job = asked.ToRecord(tenant, context.NewKey(time), Random.Shared.Next());
        if (!await jobs.AddAsync(job, cancellation))
            job = await jobs.Records.FindAsync(tenant, job.RowKey, cancellation) ?? job;    // of an earlier try of this request
        var created = new FineTuningEvent(FineTuningEventKind.Created, $"Created fine-tuning job: {job.Id}");
        await events.AddAsync(job, created, cancellation);
        await turns.Plans.FillAsync(tenant, cancellation);
        return Answer(job, time);
    }

    private static async Task RequireRoomAsync(
        string tenant, FineTuningStore jobs, WorkQueues queues, ServiceLimits limits, CancellationToken cancellation)
    {
        if (await jobs.Open.ListAsync(tenant, cancellation).CountAsync(cancellation) >= limits.MaxActiveTrainings)
        {
            throw ApiException.TooMany(
                $"You have {limits.MaxActiveTrainings} fine-tuning jobs that have not ended; more are not allowed",
                "rate_limit_exceeded",
                s_untilJobEnds);
        }
        if (await queues.CountAsync(StorageNames.PlanTrainingQueue, cancellation) >= limits.MaxQueuedPlans)
            throw ApiException.TooMany("Too many fine-tuning jobs wait to be planned", "server_overloaded", s_untilJobsArePlanned);
    }

    private static async Task<IResult> ListAsync(HttpContext context, FineTuningStore jobs, TimeProvider time)
    {
        var query = ListQuery.Read(context.Request, FineTuningJobRecord.IdPrefix, DefaultLimit, MaxLimit);
        var wanted = MetadataFilter.Read(context.Request);
        return await ListPage.OfAsync(
            jobs.Records, context.Tenant(), query, job => FineTuningJobObject.From(job, time.GetUtcNow()), job => job.Id,
            context.RequestAborted, job => wanted.Matches(job.Metadata));
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, FineTuningStore jobs, TimeProvider time) =>
        Answer(await FindAsync(id, context, jobs), time);

    private static async Task<IResult> CancelAsync(
        string id, HttpContext context, FineTuningStore jobs, FineTuningCancellation cancel, FineTuningClosing closing, TimeProvider time)
    {
        var update = await cancel.RunAsync(await FindAsync(id, context, jobs), context.RequestAborted);
        var job = update.Written ? update.Row! : throw WrongState(update.Row, "cancelled");
        await closing.RunAsync(job, context.RequestAborted);
        return Answer(job, time);
    }

    /// <summary>The run makes a checkpoint and stops.</summary>
    private static async Task<IResult> PauseAsync(
        string id, HttpContext context, FineTuningStore jobs, FineTuningEvents events, TrainingTurns turns, TimeProvider time)
    {
        var paused = await ChangeAsync(id, context, jobs, "paused", job => job.TryPause());
        await events.AddAsync(paused, EventOf(paused, FineTuningEventKind.Paused, "The job is paused"), context.RequestAborted);
        await turns.FillAsync(paused.Tenant, context.RequestAborted);
        return Answer(paused, time);
    }

    private static async Task<IResult> ResumeAsync(
        string id, HttpContext context, FineTuningStore jobs, FineTuningEvents events, TrainingTurns turns, TimeProvider time)
    {
        var resumed = await ChangeAsync(id, context, jobs, "resumed", job => job.TryResume());
        await events.AddAsync(resumed, EventOf(resumed, FineTuningEventKind.Resumed, "The job resumes"), context.RequestAborted);
        if (resumed.Profile is null)
            await turns.Plans.AgainAsync(resumed.Key, context.RequestAborted);
        else
            await turns.FillAsync(resumed.Tenant, context.RequestAborted);
        return Answer(resumed, time);
    }

    private static async Task<IResult> EventsAsync(string id, HttpContext context, FineTuningStore jobs, FineTuningEvents events)
    {
        var job = await FindAsync(id, context, jobs);
        var query = ListQuery.Read(context.Request, text => FineTuningEvents.ParseId(job, text), DefaultLimit, MaxLimit);
        return await ListPage.OfAsync(
            events.Records, FineTuningEvents.Partition(job), query, entry => FineTuningEventObject.From(job, entry), entry => entry.Id,
            context.RequestAborted);
    }

    private static async Task<IResult> CheckpointsAsync(string id, HttpContext context, FineTuningStore jobs, FineTunedModels models)
    {
        var job = await FindAsync(id, context, jobs);
        var query = ListQuery.Read(context.Request, text => CheckpointRecord.ParseId(job, text), DefaultCheckpoints, MaxLimit);
        return await ListPage.OfAsync(
            models.Checkpoints, CheckpointRecord.Partition(job), query, record => CheckpointObject.From(job, record),
            checkpoint => checkpoint.Id, context.RequestAborted);
    }

    private static async Task<FineTuningJobRecord> FindAsync(string id, HttpContext context, FineTuningStore jobs) =>
        await jobs.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw ApiException.NotFound($"fine-tuning job: {id}");

    private static FineTuningEvent EventOf(FineTuningJobRecord job, FineTuningEventKind kind, string message) =>
        new(kind, message) { Step = job.Step, Run = job.RunNumber };

    /// <param name="participle">The name of the change in the error of a job whose state does not allow it.</param>
    private static async Task<FineTuningJobRecord> ChangeAsync(
        string id, HttpContext context, FineTuningStore jobs, string participle, Func<FineTuningJobRecord, bool> change)
    {
        var update = await jobs.UpdateAsync(await FindAsync(id, context, jobs), change, context.RequestAborted);
        return update.Written ? update.Row! : throw WrongState(update.Row, participle);
    }

    private static ApiException WrongState(FineTuningJobRecord? job, string what) =>
        ApiException.Conflict($"The job is {job?.Status.WireName() ?? "gone"} and cannot be {what}", "wrong_state");

    private static IResult Answer(FineTuningJobRecord job, TimeProvider time) =>
        Results.Wire(FineTuningJobObject.From(job, time.GetUtcNow()));
}
