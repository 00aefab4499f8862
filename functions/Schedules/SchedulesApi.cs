using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Http;
using LLaDA.Batch.Shared.Schedules;

namespace LLaDA.Batch.Functions.Schedules;

/// <summary><c>/v1/schedules</c>: recurring fine-tuning jobs.</summary>
internal static class SchedulesApi
{
    private const int DefaultLimit = 20, MaxLimit = 100;

    public static void Map(IEndpointRouteBuilder v1)
    {
        v1.MapPost("/schedules", CreateAsync);
        v1.MapGet("/schedules", ListAsync);
        v1.MapGet("/schedules/{id}", GetAsync);
        v1.MapPost("/schedules/{id}", UpdateAsync);
        v1.MapPost("/schedules/{id}/pause", PauseAsync);
        v1.MapPost("/schedules/{id}/resume", ResumeAsync);
        v1.MapDelete("/schedules/{id}", DeleteAsync);
        v1.MapGet("/schedules/{id}/runs", RunsAsync);
    }

    private static async Task<IResult> CreateAsync(
        HttpContext context,
        ScheduleStore schedules,
        BlobFolders folders,
        JobReferences references,
        ServiceLimits limits,
        TimeProvider time)
    {
        var cancellation = context.RequestAborted;
        var body = await JsonBody.ReadAsync(context.Request, cancellation);
        var now = time.GetUtcNow();
        var definition = await ScheduleDefinition.ReadAsync(body, context.Tenant(), folders, now, cancellation);
        await references.RequireAsync(context.Tenant(), definition.NewJob, "job.", cancellation);
        var known = schedules.Records.ListAsync(context.Tenant(), after: null, cancellation);
        if (await known.CountAsync(schedule => schedule.DeletedAt is null, cancellation) >= limits.MaxSchedules)
        {
            throw ApiException.InvalidRequest(
                $"You have {limits.MaxSchedules} schedules; more are not allowed", code: "too_many_schedules");
        }
        var schedule = new ScheduleRecord
        {
            PartitionKey = context.Tenant(),
            RowKey = context.NewKey(time),
            Definition = definition.ToJson(),
            NextAt = Next(definition, now),
            CreatedAt = now,
        };
        await schedules.Records.AddIdempotentAsync(schedule, cancellation);
        return Results.Wire(ScheduleObject.From(await FindAsync(schedule.Id, context, schedules)));
    }

    private static async Task<IResult> ListAsync(HttpContext context, ScheduleStore schedules)
    {
        var query = ListQuery.Read(context.Request, ScheduleRecord.IdPrefix, DefaultLimit, MaxLimit);
        return await ListPage.OfAsync(
            schedules.Records, context.Tenant(), query, ScheduleObject.From, schedule => schedule.Id, context.RequestAborted,
            schedule => schedule.DeletedAt is null);
    }

    private static async Task<IResult> GetAsync(string id, HttpContext context, ScheduleStore schedules) =>
        Results.Wire(ScheduleObject.From(await FindAsync(id, context, schedules)));

    /// <summary>Replaces the parameters that the body names. New times count from now on; waiting occurrences keep their place.</summary>
    private static async Task<IResult> UpdateAsync(
        string id,
        HttpContext context,
        ScheduleStore schedules,
        BlobFolders folders,
        JobReferences references,
        TimeProvider time)
    {
        var cancellation = context.RequestAborted;
        var body = await JsonBody.ReadAsync(context.Request, cancellation);
        for (var schedule = await FindAsync(id, context, schedules); ;)
        {
            string seen = schedule.Definition;
            var before = ScheduleDefinition.FromJson(seen);
            var definition = await before.WithAsync(body, context.Tenant(), folders, time.GetUtcNow(), cancellation);
            await references.RequireAsync(context.Tenant(), definition.NewJob, "job.", cancellation);
            var updated = await schedules.UpdateAsync(schedule, current =>
            {
                if (current.Definition != seen)
                    return false;
                current.Definition = definition.ToJson();
                if ((before.Cron, before.TimeZone) != (definition.Cron, definition.TimeZone))
                    current.NextAt = Next(definition, time.GetUtcNow());
                return true;
            }, cancellation) ?? throw NotFound(id);
            if (updated.Definition == definition.ToJson())
                return Results.Wire(ScheduleObject.From(updated));
            schedule = updated;     // a concurrent change came first: merge again, on the new definition
        }
    }

    private static Task<IResult> PauseAsync(string id, HttpContext context, ScheduleStore schedules) =>
        SetPausedAsync(id, context, schedules, schedule => schedule.IsPaused = true);

    /// <summary>Occurrences during the pause are not missed ones: the schedule resumes with the next.</summary>
    private static Task<IResult> ResumeAsync(string id, HttpContext context, ScheduleStore schedules, TimeProvider time) =>
        SetPausedAsync(id, context, schedules, schedule =>
        {
            if (!schedule.IsPaused)
                return;
            schedule.IsPaused = false;
            schedule.NextAt = Next(ScheduleDefinition.FromJson(schedule.Definition), time.GetUtcNow());
        });

    private static async Task<IResult> SetPausedAsync(
        string id, HttpContext context, ScheduleStore schedules, Action<ScheduleRecord> change)
    {
        var updated = await schedules.UpdateAsync(await FindAsync(id, context, schedules), current =>
        {
            change(current);
            return true;
        }, context.RequestAborted);
        return Results.Wire(ScheduleObject.From(updated ?? throw NotFound(id)));
    }

    private static async Task<IResult> DeleteAsync(string id, HttpContext context, ScheduleStore schedules, ScheduleDeletion deletion)
    {
        var schedule = await FindAsync(id, context, schedules);
        await deletion.RunAsync(schedule, context.RequestAborted);
        return Results.Wire(new DeletedObject { Id = schedule.Id, Object = "schedule" });
    }

    private static async Task<IResult> RunsAsync(string id, HttpContext context, ScheduleStore schedules)
    {
        var schedule = await FindAsync(id, context, schedules);
        var query = ListQuery.Read(context.Request, ScheduleRunRecord.IdPrefix, DefaultLimit, MaxLimit);
        return await ListPage.OfAsync(
            schedules.Runs, ScheduleRunRecord.Partition(schedule), query, ScheduleRunObject.From, run => run.Id, context.RequestAborted);
    }

    private static DateTimeOffset Next(ScheduleDefinition definition, DateTimeOffset now) =>
        definition.Occurrences.Next(now) ?? throw ApiException.InvalidRequest("cron never fires again", "cron", "cron_never_fires");

    private static async Task<ScheduleRecord> FindAsync(string id, HttpContext context, ScheduleStore schedules) =>
        await schedules.FindAsync(context.Tenant(), id, context.RequestAborted) ?? throw NotFound(id);

    private static ApiException NotFound(string id) => ApiException.NotFound($"schedule: {id}");
}
