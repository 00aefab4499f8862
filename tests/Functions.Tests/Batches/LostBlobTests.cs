using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Batches;

/// <summary>Blobs that storage has lost, such as those that a killed Azurite had not written: each is an answer and no exception.</summary>
public sealed class LostBlobTests(StorageFixture fixture)
{
    [Fact]
    public async Task The_lines_of_a_lost_shard_are_answered_with_an_error_and_the_others_complete()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(6, "[MASK:400] x"));
        int shards = await CountAsync(plane, batch);
        foreach (int shard in Enumerable.Range(0, shards).Where(shard => shard != 1))
            await plane.AnswerAsync(batch, shard);
        string[] lost = await LoseAsync(plane, batch, 1);

        await SweepAsync(plane);

        batch = await FinishedAsync(plane, batch);
        Assert.Equal((BatchStatus.Completed, 6 - lost.Length, lost.Length), (batch.Status, batch.CompletedLines, batch.FailedLines));
        var errors = await ErrorsAsync(plane, batch);
        Assert.Equal(lost, errors.Select(error => error["custom_id"]!.GetValue<string>()));
        Assert.All(errors, error => Assert.Equal("server_error", error["error"]!["code"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Two_lost_shards_of_a_window_share_its_lines_and_keep_what_workers_had_finished()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(30, "[MASK:200] x"));
        int shards = await CountAsync(plane, batch);
        Assert.True(shards > 3, "the lines make too few shards");
        await AnswerPartlyAsync(plane, batch, shard: 2);
        string[] lost = [.. await LoseAsync(plane, batch, 0), .. await LoseAsync(plane, batch, 2)];
        for (int shard = 0; shard < shards; shard++)
        {
            if (shard is not (0 or 2))
                await plane.AnswerAsync(batch, shard);
        }

        await SweepAsync(plane);

        batch = await FinishedAsync(plane, batch);
        Assert.Equal((30 - lost.Length + 1, lost.Length - 1), (batch.CompletedLines, batch.FailedLines));
        string[] all = [.. await IdsAsync(plane, batch.OutputFileId!), .. await IdsAsync(plane, batch.ErrorFileId!)];
        Assert.Equal(Enumerable.Range(1, 30).Select(number => $"id-{number}").Order(), all.Order());
    }

    [Fact]
    public async Task A_cancelled_batch_ends_though_a_shard_and_its_input_are_lost()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(6, "[MASK:400] x"));
        string[] lost = await LoseAsync(plane, batch, 0);
        (await plane.Client.DeleteAsync($"/v1/files/{batch.InputFileId}")).EnsureSuccessStatusCode();
        (await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null)).EnsureSuccessStatusCode();
        plane.Time.Advance(BatchTimes.CancelGrace);

        batch = await FinishedAsync(plane, batch);

        Assert.Equal((BatchStatus.Cancelled, 6), (batch.Status, batch.FailedLines));
        var errors = await ErrorsAsync(plane, batch);
        Assert.Equal(lost.Length, errors.Count(error => error["custom_id"]!.GetValue<string>().Length == 0));
        Assert.Equal(6 - lost.Length, errors.Count(error => error["error"]!["code"]!.GetValue<string>() == "batch_cancelled"));
    }

    [Fact]
    public async Task Lines_of_lost_shards_keep_their_places_among_the_others_when_the_input_is_lost_too()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(30, "[MASK:200] x"));
        Assert.True(await CountAsync(plane, batch) > 4, "the lines make too few shards");
        string[] lost = [.. await LoseAsync(plane, batch, 1), .. await LoseAsync(plane, batch, 3)];
        (await plane.Client.DeleteAsync($"/v1/files/{batch.InputFileId}")).EnsureSuccessStatusCode();
        (await plane.Client.PostAsync($"/v1/batches/{batch.Id}/cancel", null)).EnsureSuccessStatusCode();
        plane.Time.Advance(BatchTimes.CancelGrace);

        batch = await FinishedAsync(plane, batch);

        string[] expected = [.. Enumerable.Range(1, 30).Select(number => $"id-{number}").Select(id => lost.Contains(id) ? "" : id)];
        Assert.Equal(expected, await IdsAsync(plane, batch.ErrorFileId!));
    }

    [Fact]
    public async Task A_shard_that_only_seems_to_be_lost_keeps_its_lines()
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        var batch = await plane.PlannedAsync(Lines(1));
        await plane.Storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile)).ClearMessagesAsync();
        bool isHit = false;
        faults.Before = call =>
        {
            if (isHit || !call.StartsWith("HEAD", StringComparison.Ordinal) || !call.Contains("/shards/", StringComparison.Ordinal))
                return Task.CompletedTask;
            isHit = true;
            throw new Azure.RequestFailedException(404, "Injected");
        };

        await SweepAsync(plane);

        Assert.True(isHit);
        Assert.False(await plane.Blobs(batch).Parts.ExistsAsync(0, CancellationToken.None));
    }

    [Fact]
    public async Task A_batch_and_a_training_whose_input_has_no_bytes_fail_with_a_reason()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));
        var job = await FineTuning.Trainings.CreatedAsync(plane);
        await LoseFilesAsync(plane);

        await plane.PlanAsync(batch);
        await FineTuning.Trainings.PlanAsync(plane, job);

        Assert.Contains("file_not_found", (await plane.ReloadAsync(batch)).Errors, StringComparison.Ordinal);
        Assert.Equal("file_not_found", (await FineTuning.Trainings.FindAsync(plane, job.Id)).ErrorCode);
    }

    [Fact]
    public async Task The_content_of_a_file_without_bytes_is_not_found()
    {
        await using var plane = await StartAsync(fixture);
        string id = (await plane.UploadAsync("{}"))["id"]!.GetValue<string>();
        await LoseFilesAsync(plane);

        using var answer = await plane.Client.GetAsync($"/v1/files/{id}/content");

        var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!;
        Assert.Equal((404, "file_not_found"), ((int)answer.StatusCode, error["code"]!.GetValue<string>()));
        (await plane.Client.DeleteAsync($"/v1/files/{id}")).EnsureSuccessStatusCode();
    }

    private static async Task<int> CountAsync(ControlPlane plane, BatchRecord batch) =>
        (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!.Shards.Count;

    /// <returns>The custom_ids of the lines that the shard had.</returns>
    private static async Task<string[]> LoseAsync(ControlPlane plane, BatchRecord batch, int shard)
    {
        var plan = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!;
        var lines = await plane.Blobs(batch).Shards.ReadAsync(plan.PlanId, shard, CancellationToken.None);
        await plane.Storage.Container(StorageNames.BatchesContainer)
            .DeleteBlobAsync($"{batch.Tenant}/{batch.RowKey}/shards/{plan.PlanId}/{shard:D6}.jsonl");
        return [.. lines.Select(line => line.CustomId)];
    }

    private static async Task LoseFilesAsync(ControlPlane plane)
    {
        var files = plane.Storage.Container(StorageNames.FilesContainer);
        await foreach (var blob in files.GetBlobsAsync())
            await files.DeleteBlobAsync(blob.Name);
    }

    /// <summary>A worker stores the first line of a shard and dies.</summary>
    private static async Task AnswerPartlyAsync(ControlPlane plane, BatchRecord batch, int shard)
    {
        var plan = (await plane.Blobs(batch).FindPlanAsync(CancellationToken.None))!;
        var line = (await plane.Blobs(batch).Shards.ReadAsync(plan.PlanId, shard, CancellationToken.None))[0];
        var finished = new PartLine(line.Line, IsError: false, $$"""{"custom_id":"{{line.CustomId}}"}""");
        await plane.Blobs(batch).Progress.WriteAsync(shard, [finished], new PartCounts(1, 0, 10, 1), CancellationToken.None);
    }

    private static async Task SweepAsync(ControlPlane plane)
    {
        await plane.Storage.Queue(StorageNames.GenerateQueue(StorageNames.DefaultProfile)).ClearMessagesAsync();
        plane.Time.Advance(TimeSpan.FromMinutes(5));
        await plane.Get<BatchSweep>().RunAsync(CancellationToken.None);
    }

    private static async Task<BatchRecord> FinishedAsync(ControlPlane plane, BatchRecord batch)
    {
        await plane.FinishAsync(batch);
        return await plane.ReloadAsync(batch);
    }

    private static async Task<JsonNode[]> ErrorsAsync(ControlPlane plane, BatchRecord batch) =>
        [.. (await plane.LinesAsync(batch.ErrorFileId!)).Select(line => JsonNode.Parse(line)!)];

    private static async Task<IEnumerable<string>> IdsAsync(ControlPlane plane, string file) =>
        (await plane.LinesAsync(file)).Select(line => JsonNode.Parse(line)!["custom_id"]!.GetValue<string>());
}
