using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Tests.Answers;
using LLaDA.Batch.Functions.Tests.FineTuning;
using LLaDA.Batch.Functions.Tests.Schedules;
using LLaDA.Batch.Functions.Tests.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Clocks;

/// <summary>
/// The clock of a host jumps by an hour, forward or back, while work is under way: nothing expires, is given up, done twice or put off.
/// </summary>
public sealed class ClockJumpTests(StorageFixture fixture)
{
    private static readonly JsonObject s_batch = new()
    {
        ["endpoint"] = "/v1/infill",
        ["completion_window"] = "1h",
        ["requests"] = new JsonArray(new JsonObject
        {
            ["custom_id"] = "a",
            ["body"] = new JsonObject { ["model"] = Model, ["text"] = "a [MASK:2] b" },
        }),
    };

    public static TheoryData<int> Jumps => [1, -1];

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task An_answer_at_once_is_given_within_its_hour_and_no_longer_waited_for_after_it(int hours)
    {
        await using var jumped = await JumpedPlane.StartAsync(fixture);
        var plane = jumped.Plane;
        using var accepted = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        using var other = await plane.AskAsync(headers: ("Prefer", "wait=0, respond-async"));
        var (first, second) = (await plane.TakeAsync(), await plane.TakeAsync());

        jumped.Jump(hours);
        await SweepAsync(plane);

        Assert.Equal(0, await plane.CountAsync(Answering.Queue));
        await plane.AnswerAsync(first, Answering.Filled);
        await SweepAsync(plane);
        Assert.Equal(BatchStatus.Completed, (await plane.Batches.FindAsync(first.Key, CancellationToken.None))!.Status);
        plane.Time.Advance(AnswerStart.Window + TimeSpan.FromMinutes(1));
        await SweepAsync(plane);
        Assert.Equal(BatchStatus.Expired, (await plane.Batches.FindAsync(second.Key, CancellationToken.None))!.Status);
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task A_batch_keeps_its_window_and_its_messages(int hours)
    {
        await using var jumped = await JumpedPlane.StartAsync(fixture);
        var plane = jumped.Plane;
        var batch = await CreatedAsync(plane);
        jumped.Jump(hours);
        await SweepAsync(plane);
        Assert.Equal(1, await plane.CountAsync(StorageNames.PlanQueue));
        await plane.PlanAsync(batch);
        jumped.Jump(-2 * hours);
        await SweepAsync(plane);

        Assert.Equal(1, await plane.CountAsync(StorageNames.GenerateQueue(StorageNames.DefaultProfile)));
        await plane.AnswerAsync(batch, shard: 0);
        await plane.FinishAsync(batch);
        Assert.Equal(BatchStatus.Completed, (await plane.ReloadAsync(batch)).Status);
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task A_cancelled_batch_ends_within_a_minute(int hours)
    {
        await using var jumped = await JumpedPlane.StartAsync(fixture);
        var plane = jumped.Plane;
        var batch = await CreatedAsync(plane);
        await plane.PlanAsync(batch);
        (await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null)).EnsureSuccessStatusCode();
        await plane.Storage.Queue(StorageNames.FinishQueue).ClearMessagesAsync();

        jumped.Jump(hours);
        plane.Time.Advance(TimeSpan.FromMinutes(1));
        await SweepAsync(plane);

        Assert.Equal(1, await plane.CountAsync(StorageNames.FinishQueue));
        await plane.FinishAsync(batch);
        Assert.Equal(BatchStatus.Cancelled, (await plane.ReloadAsync(batch)).Status);
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task An_idempotency_key_leads_to_the_same_batch_for_its_24_hours(int hours)
    {
        await using var jumped = await JumpedPlane.StartAsync(fixture);
        var plane = jumped.Plane;
        using var first = await PostAsync(plane, "key");

        plane.Time.Advance(TimeSpan.FromHours(23.5));
        jumped.Jump(hours);
        await SweepAsync(plane);
        using var second = await PostAsync(plane, "key");
        plane.Time.Advance(TimeSpan.FromHours(1));
        using var third = await PostAsync(plane, "key");

        Assert.Equal(await IdOfAsync(first), await IdOfAsync(second));
        Assert.NotEqual(await IdOfAsync(first), await IdOfAsync(third));
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task A_schedule_makes_one_job_for_each_of_its_minutes_and_none_is_missed(int hours)
    {
        await using var jumped = await JumpedPlane.StartAsync(fixture);
        var plane = jumped.Plane;
        await Scheduling.BindAsync(plane);
        await Scheduling.UploadAsync(plane, "in/a.jsonl");
        string id = await Scheduling.CreatedAsync(plane);

        for (int minute = 0; minute < 4; minute++)
        {
            if (minute == 2)
                jumped.Jump(hours);
            await Scheduling.FireAsync(plane);
            foreach (var job in await Scheduling.JobsAsync(plane))
                await Scheduling.EndAsync(plane, job);
        }

        Assert.Equal(Enumerable.Repeat("job_created", 4), Scheduling.Outcomes(await Scheduling.RunsAsync(plane, id)));
        Assert.Equal(4, (await Scheduling.JobsAsync(plane)).Count);
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task A_webhook_is_signed_with_the_time_that_its_receiver_sees(int hours)
    {
        await using var jumped = await JumpedPlane.StartAsync(
            fixture, ("Webhooks:AllowLocal", "true"), ("Webhooks:TriesPerAttempt", "1"));
        var plane = jumped.Plane;
        await using var receiver = await Receiver.StartAsync();
        await WebhookTests.CreatedAsync(plane, $$"""{"url":"{{receiver.Url}}"}""");
        await plane.PlannedAsync("nonsense");

        jumped.Jump(hours);
        await WebhookTests.DeliverAsync(plane);

        Assert.Equal(plane.Time.GetUtcNow().ToUnixTimeSeconds(), Assert.Single(receiver.Received).Timestamp);
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task A_training_that_cannot_be_finished_yet_is_not_given_up_and_a_plan_neither(int hours)
    {
        await using var jumped = await JumpedPlane.StartAsync(fixture);
        var plane = jumped.Plane;
        var trained = await Trainings.TrainAsync(plane, await Trainings.PlannedAsync(plane));
        var planned = await Trainings.CreatedAsync(plane);
        var (jobs, failure) = (plane.Get<FineTuningStore>(), new IOException("Injected"));
        await jobs.Open.CountPlanFailureAsync(planned.Key, failure, CancellationToken.None);

        jumped.Jump(hours);
        await plane.Get<FinishFineTuningHandler>()
            .GiveUpAsync(new TrainingMessage(trained.Tenant, trained.RowKey), CancellationToken.None);
        await SweepAsync(plane);

        Assert.False(await jobs.Open.HasPlanFailedAsync(planned.Key, CancellationToken.None));
        await Trainings.FinishAsync(plane, trained);
        Assert.Equal(FineTuningStatus.Succeeded, (await Trainings.FindAsync(plane, trained.Id)).Status);
        await Trainings.PlanAsync(plane, planned);
        Assert.Equal(FineTuningStatus.Queued, (await Trainings.FindAsync(plane, planned.Id)).Status);
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task A_file_in_parts_is_completed_within_its_hour(int hours)
    {
        await using var jumped = await JumpedPlane.StartAsync(fixture);
        var plane = jumped.Plane;
        var begun = await ReadAsync(await plane.Client.PostAsJsonAsync(
            "/v1/uploads", new { purpose = "batch", filename = "a.jsonl", mime_type = "text/jsonl", bytes = 3 }));
        string id = begun["id"]!.GetValue<string>();
        using var form = new MultipartFormDataContent { { new ByteArrayContent("abc"u8.ToArray()), "data", "part" } };
        string part = (await ReadAsync(await plane.Client.PostAsync($"/v1/uploads/{id}/parts", form)))["id"]!.GetValue<string>();

        jumped.Jump(hours);
        await SweepAsync(plane);
        var completed = await ReadAsync(
            await plane.Client.PostAsJsonAsync($"/v1/uploads/{id}/complete", new { part_ids = new[] { part } }));

        Assert.Equal("completed", completed["status"]!.GetValue<string>());
    }

    [Theory]
    [MemberData(nameof(Jumps))]
    public async Task The_row_of_a_batch_that_is_being_created_stays(int hours)
    {
        await using var jumped = await JumpedPlane.StartAsync(fixture);
        var plane = jumped.Plane;
        var key = new JobKey(Tenant, SortableKey.Create(plane.Time));
        await plane.Batches.Open.PutAsync(key, new OpenBatchRow(), CancellationToken.None);

        jumped.Jump(hours);
        await SweepAsync(plane);

        Assert.NotNull(await plane.Batches.Open.FindAsync(key, CancellationToken.None));
    }

    /// <summary>All timers but that of schedules.</summary>
    private static async Task SweepAsync(ControlPlane plane)
    {
        await plane.Get<BatchSweep>().RunAsync(CancellationToken.None);
        await plane.Get<AnswerSweep>().RunAsync(CancellationToken.None);
        await plane.Get<FineTuningSweep>().RunAsync(CancellationToken.None);
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
    }

    private static async Task<BatchRecord> CreatedAsync(ControlPlane plane)
    {
        var made = await ReadAsync(await plane.Client.PostAsJsonAsync("/v1/batches", s_batch));
        return (await plane.Batches.FindAsync(Tenant, made["id"]!.GetValue<string>(), CancellationToken.None))!;
    }

    private static async Task<HttpResponseMessage> PostAsync(ControlPlane plane, string idempotencyKey)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/v1/batches") { Content = JsonContent.Create(s_batch) };
        request.Headers.Add("Idempotency-Key", idempotencyKey);
        var answer = await plane.Client.SendAsync(request);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return answer;
    }

    private static async Task<string> IdOfAsync(HttpResponseMessage made) =>
        JsonNode.Parse(await made.Content.ReadAsStringAsync())!["id"]!.GetValue<string>();
}
