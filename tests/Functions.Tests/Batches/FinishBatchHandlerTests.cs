using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class FinishBatchHandlerTests(StorageFixture fixture)
{
    [Fact]
    public async Task Output_is_in_the_order_of_the_input_and_errors_are_apart()
    {
        await using var plane = await StartAsync(fixture);
        string input = string
            .Concat(Enumerable.Range(1, 40)
            .Select(index => Line($"id-{index}", new string('x', 40 * (index * 17 % 40)) + " [MASK:100]") + "\n"));
        var batch = await plane.PlannedAsync(input);
        var plan = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!;
        Assert.True(plan.Shards.Count > 2);

        for (int shard = plan.Shards.Count - 1; shard >= 0; shard--)
            await plane.AnswerAsync(batch, shard, line => line % 10 == 0);
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal((BatchStatus.Completed, 36, 4), (batch.Status, batch.CompletedLines, batch.FailedLines));
        Assert.Equal(
            Enumerable.Range(1, 40).Where(index => index % 10 != 0)
            .Select(index => $"id-{index}"), await IdsAsync(plane, batch.OutputFileId!));
        Assert.Equal(["id-10", "id-20", "id-30", "id-40"], await IdsAsync(plane, batch.ErrorFileId!));
    }

    [Fact]
    public async Task A_file_that_would_be_empty_is_not_there()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(3));
        await plane.AnswerAsync(batch, 0);

        await plane.FinishAsync(batch);

        var json = await ReadAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}"));
        Assert.NotNull(json["output_file_id"]);
        Assert.Null(json["error_file_id"]);
        var listed = await ReadAsync(await plane.Client.GetAsync("/v1/files?purpose=batch_output"));
        Assert.Single(listed["data"]!.AsArray());
    }

    [Fact]
    public async Task A_call_that_comes_too_early_changes_nothing()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(3));

        await plane.FinishAsync(batch);

        Assert.Equal(BatchStatus.InProgress, (await plane.ReloadAsync(batch)).Status);
    }

    [Fact]
    public async Task Finishing_twice_and_at_once_gives_the_same_files()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(5));
        await plane.AnswerAsync(batch, 0);

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => IgnoringConflictAsync(plane.FinishAsync(batch))));
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal(BatchStatus.Completed, batch.Status);
        Assert.Equal(5, (await plane.LinesAsync(batch.OutputFileId!)).Length);
    }

    [Fact]
    public async Task A_finish_that_was_killed_goes_on_with_the_files_it_had_begun()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(2));
        await plane.AnswerAsync(batch, 0);
        string key = plane.Files.NewKey();
        await plane.Batches.UpdateAsync(batch, current =>
        {
            (current.Status, current.OutputFileKey) = (BatchStatus.Finalizing, key);
            return true;
        }, CancellationToken.None);

        await plane.FinishAsync(batch);

        Assert.Equal("file-" + key, (await plane.ReloadAsync(batch)).OutputFileId);
    }

    [Fact]
    public async Task A_finish_that_stood_still_brings_no_file_back_that_was_deleted_meanwhile()
    {
        await using var plane = await StartAsync(fixture);
        int numStalls = 0;
        for (bool isStalled = true; isStalled; numStalls++)
        {
            var batch = await plane.PlannedAsync(Lines(2));
            await plane.AnswerAsync(batch, 0);
            var transport = new FaultyTransport(Fault.StallToTheEnd, numStalls + 1);
            await using var host = plane.NewHostOver(transport);
            var late = host.GetRequiredService<FinishBatchHandler>()
                .RunAsync(new FinishMessage(batch.Tenant, batch.RowKey), CancellationToken.None);
            await Task.WhenAny(late, transport.Stalled);
            isStalled = transport.IsStalled;

            await plane.FinishAsync(batch);
            foreach (var file in await plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync())
                (await plane.Client.DeleteAsync($"/v1/files/{file.Id}")).EnsureSuccessStatusCode();
            transport.Wake();
            await IgnoringConflictAsync(late);

            Assert.True(await plane.Storage.Container(StorageNames.FilesContainer).GetBlobsAsync().CountAsync() == 0, transport.Hit);
            Assert.True(await plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None).CountAsync() == 0, transport.Hit);
        }
        Assert.InRange(numStalls, 10, 100);
    }

    [Fact]
    public async Task A_cancelled_batch_keeps_what_was_finished_and_says_what_was_not()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(3, "[MASK:400] x"));
        await plane.AnswerAsync(batch, 0);
        (await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null)).EnsureSuccessStatusCode();

        await plane.FinishAsync(batch);
        Assert.Equal(BatchStatus.Cancelling, (await plane.ReloadAsync(batch)).Status);
        plane.Time.Advance(BatchTimes.CancelGrace);
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal(BatchStatus.Cancelled, batch.Status);
        Assert.Equal(3, batch.CompletedLines + batch.FailedLines);
        Assert.All(await plane.LinesAsync(batch.ErrorFileId!), line => Assert.Contains("batch_cancelled", line, StringComparison.Ordinal));
        Assert.Equal(batch.CompletedLines, (await plane.LinesAsync(batch.OutputFileId!)).Length);
    }

    [Fact]
    public async Task A_late_worker_cannot_change_a_closed_batch()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(2));
        (await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null)).EnsureSuccessStatusCode();
        plane.Time.Advance(BatchTimes.CancelGrace);
        await plane.FinishAsync(batch);

        await plane.AnswerAsync(batch, 0);
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal((0, 2), (batch.CompletedLines, batch.FailedLines));
        Assert.Null(batch.OutputFileId);
    }

    [Fact]
    public async Task A_batch_cancelled_before_it_was_planned_ends_without_files()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(2)));
        (await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null)).EnsureSuccessStatusCode();
        plane.Time.Advance(BatchTimes.CancelGrace);

        await plane.PlanAsync(batch);
        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal(BatchStatus.Cancelled, batch.Status);
        Assert.Null(batch.OutputFileId);
        Assert.Null(batch.ErrorFileId);
    }

    [Fact]
    public async Task A_batch_cancelled_between_its_plan_and_its_record_of_it_counts_all_of_its_lines()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(3));
        await plane.Batches.UpdateAsync(batch, current =>
        {
            (current.Status, current.Model, current.TotalLines, current.InProgressAt) = (BatchStatus.Validating, null, 0, null);
            return true;
        }, CancellationToken.None);
        (await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null)).EnsureSuccessStatusCode();
        plane.Time.Advance(BatchTimes.CancelGrace);

        await plane.FinishAsync(batch);

        var json = await ReadAsync(await plane.Client.GetAsync($"/v1/batches/{batch.Id}"));
        Assert.Equal("""{"total":3,"completed":0,"failed":3}""", json["request_counts"]!.ToJsonString());
        Assert.Equal(Model, json["model"]!.GetValue<string>());
    }

    [Fact]
    public async Task An_expired_batch_keeps_what_was_finished()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(2));
        plane.Time.Advance(TimeSpan.FromHours(24) + BatchTimes.CancelGrace);

        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal(BatchStatus.Expired, batch.Status);
        Assert.All(await plane.LinesAsync(batch.ErrorFileId!), line => Assert.Contains("batch_expired", line, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_batch_whose_last_shard_was_at_work_when_its_window_ended_has_expired()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(3));
        plane.Time.Advance(TimeSpan.FromHours(24));
        await plane.AnswerAsync(batch, 0, line => line > 1, hasExpired: true);

        await plane.FinishAsync(batch);

        batch = await plane.ReloadAsync(batch);
        Assert.Equal((BatchStatus.Expired, 1, 2), (batch.Status, batch.CompletedLines, batch.FailedLines));
        Assert.NotNull(batch.ExpiredAt);
    }

    [Fact]
    public async Task A_batch_whose_lines_were_all_run_has_completed_however_late_it_is_finished()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(3));
        await plane.AnswerAsync(batch, 0, line => line == 2);
        plane.Time.Advance(TimeSpan.FromHours(25));

        await plane.FinishAsync(batch);

        Assert.Equal(BatchStatus.Completed, (await plane.ReloadAsync(batch)).Status);
    }

    [Fact]
    public async Task A_finish_of_an_expired_batch_that_was_cut_short_goes_on_as_one()
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        var batch = await plane.PlannedAsync(Lines(2));
        plane.Time.Advance(TimeSpan.FromHours(24) + BatchTimes.CancelGrace);
        faults.Refuses = call => call.StartsWith("PUT", StringComparison.Ordinal)
            && call.Contains($"/{StorageNames.FilesContainer}/", StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Exception>(() => plane.FinishAsync(batch));
        Assert.Single(await plane.Blobs(batch).Parts.ListAsync(CancellationToken.None));
        faults.Refuses = _ => false;

        await plane.FinishAsync(batch);

        Assert.Equal(BatchStatus.Expired, (await plane.ReloadAsync(batch)).Status);
    }

    [Fact]
    public async Task A_finish_that_fails_is_tried_for_an_hour_before_it_ends_the_batch_with_a_reason()
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        var batch = await plane.PlannedAsync(Lines(1));
        await plane.AnswerAsync(batch, 0);
        faults.Refuses = call => call.StartsWith("PUT", StringComparison.Ordinal)
            && call.Contains($"/{StorageNames.FilesContainer}/", StringComparison.Ordinal);
        await Assert.ThrowsAnyAsync<Exception>(() => plane.FinishAsync(batch));
        var message = new FinishMessage(batch.Tenant, batch.RowKey);

        plane.Time.Advance(TimeSpan.FromMinutes(59));
        await plane.Get<FinishBatchHandler>().GiveUpAsync(message, CancellationToken.None);
        Assert.Equal(BatchStatus.Finalizing, (await plane.ReloadAsync(batch)).Status);
        plane.Time.Advance(TimeSpan.FromMinutes(1));
        await plane.Get<FinishBatchHandler>().GiveUpAsync(message, CancellationToken.None);

        Assert.Contains("finishing_failed", (await plane.ReloadAsync(batch)).Errors, StringComparison.Ordinal);
    }

    private static async Task<IEnumerable<string>> IdsAsync(ControlPlane plane, string file) =>
        (await plane.LinesAsync(file)).Select(line => JsonNode.Parse(line)!["custom_id"]!.GetValue<string>());

    /// <summary>Two that write the same blob at once may disturb each other; the queue then delivers the message again.</summary>
    private static async Task IgnoringConflictAsync(Task finish)
    {
        try
        {
            await finish;
        }
        catch (Azure.RequestFailedException)
        {
        }
    }
}
