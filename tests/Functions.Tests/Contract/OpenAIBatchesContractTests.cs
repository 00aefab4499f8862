using System.ClientModel;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Batches;
using OpenAI.Batch;
using static LLaDA.Batch.Functions.Tests.Contract.OpenAIFilesContractTests;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Contract;

/// <summary>What OpenAI's .NET client demands of batches.</summary>
public sealed class OpenAIBatchesContractTests(StorageFixture fixture)
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(1);

    [Theory]
    [InlineData("completed")]
    [InlineData("failed")]
    [InlineData("cancelled")]
    [InlineData("expired")]
    public async Task Waiting_ends_with_every_end(string end)
    {
        await using var plane = await StartAsync(fixture);
        string file = (await plane.UploadAsync(end == "failed" ? "nonsense" : Lines(2)))["id"]!.GetValue<string>();
        var client = NewClient(plane).GetBatchClient();
        var operation = await client.CreateBatchAsync(Body(file), waitUntilCompleted: false);
        Assert.False(operation.HasCompleted);
        var batch = (await plane.Batches.FindAsync(Tenant, operation.BatchId, CancellationToken.None))!;
        await plane.PlanAsync(batch);
        using var limit = new CancellationTokenSource(s_limit);
        var waiting = operation.WaitForCompletionAsync(limit.Token).AsTask();

        switch (end)
        {
            case "completed":
                await plane.AnswerAsync(batch, 0);
                break;
            case "cancelled":
                await operation.CancelAsync(options: null);
                plane.Time.Advance(BatchTimes.CancelGrace);
                break;
            case "expired":
                plane.Time.Advance(TimeSpan.FromHours(25));
                break;
            default:
                break;
        }
        await plane.FinishAsync(batch);
        await waiting;

        var json = JsonNode.Parse((await operation.GetBatchAsync(options: null)).GetRawResponse().Content.ToString())!;
        Assert.Equal(end, json["status"]!.GetValue<string>());
        Assert.True(json[$"{end}_at"]!.GetValue<long>() > 0);
        var again = await CreateBatchOperation.RehydrateAsync(client, batch.Id, limit.Token);
        Assert.True(again.HasCompleted);
    }

    [Fact]
    public async Task A_client_that_waits_is_told_how_long_until_the_batch_has_ended()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync(Lines(1));

        Assert.Equal(TimeSpan.FromSeconds(1), (await plane.Client.GetAsync($"/v1/batches/{batch.Id}")).Headers.RetryAfter!.Delta);
        await plane.AnswerAsync(batch, 0);
        await plane.FinishAsync(batch);
        Assert.Null((await plane.Client.GetAsync($"/v1/batches/{batch.Id}")).Headers.RetryAfter);
    }

    [Fact]
    public async Task Batches_in_every_state_can_be_listed()
    {
        await using var plane = await StartAsync(fixture);
        foreach (var status in Enum.GetValues<BatchStatus>())
        {
            var batch = await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));
            await plane.Batches.UpdateAsync(batch, current =>
            {
                current.Status = status;
                return true;
            }, CancellationToken.None);
        }

        var listed = await NewClient(plane).GetBatchClient().GetBatchesAsync(new BatchCollectionOptions()).ToListAsync();

        Assert.Equal(Enum.GetValues<BatchStatus>().Length, listed.Count);
    }

    [Fact]
    public async Task A_listing_goes_over_three_pages_though_its_cursors_are_deleted()
    {
        await using var plane = await StartAsync(fixture);
        List<string> ids = await SevenAsync(plane);
        List<string> seen = [];

        await foreach (var batch in NewClient(plane).GetBatchClient().GetBatchesAsync(new BatchCollectionOptions { PageSizeLimit = 3 }))
        {
            seen.Add(batch.Id);
            if (seen.Count % 3 == 0)
                (await plane.Client.DeleteAsync($"/v1/batches/{batch.Id}")).EnsureSuccessStatusCode();
        }

        Assert.Equal(Enumerable.Reverse(ids), seen);
    }

    [Fact]
    public async Task A_listing_of_the_oldest_first_goes_over_three_pages_though_its_cursors_are_deleted()
    {
        await using var plane = await StartAsync(fixture);
        List<string> ids = await SevenAsync(plane);
        List<string> seen = [];
        for (bool hasMore = true; hasMore;)
        {
            var page = await ReadAsync(await plane.Client.GetAsync($"/v1/batches?order=asc&limit=3{(seen.Count > 0 ? $"&after={seen[^1]}" : "")}"));
            seen.AddRange(page["data"]!.AsArray().Select(batch => batch!["id"]!.GetValue<string>()));
            hasMore = page["has_more"]!.GetValue<bool>();
            (await plane.Client.DeleteAsync($"/v1/batches/{seen[^1]}")).EnsureSuccessStatusCode();
        }

        Assert.Equal(ids, seen);
    }

    [Fact]
    public async Task Cancelling_what_has_ended_is_an_error_with_words_and_not_tried_again()
    {
        await using var plane = await StartAsync(fixture);
        var batch = await plane.PlannedAsync("nonsense");
        var operation = await CreateBatchOperation.RehydrateAsync(NewClient(plane).GetBatchClient(), batch.Id);

        var conflict = await Assert.ThrowsAsync<ClientResultException>(() => operation.CancelAsync(options: null));

        Assert.Equal(409, conflict.Status);
        Assert.Contains("not_cancellable", conflict.Message, StringComparison.Ordinal);
        Assert.True(conflict.GetRawResponse()!.Headers.TryGetValue("x-should-retry", out string? retry));
        Assert.Equal("false", retry);
    }

    [Fact]
    public async Task A_full_service_is_tried_again_after_the_time_it_names()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxActiveBatches", "1"));
        string file = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>();
        var waits = new RecordedWaits();
        var client = NewClient(plane, retries: waits).GetBatchClient();
        await client.CreateBatchAsync(Body(file), waitUntilCompleted: false);

        var refused = await Assert.ThrowsAsync<ClientResultException>(() => client.CreateBatchAsync(Body(file), waitUntilCompleted: false));

        Assert.Equal(429, refused.Status);
        Assert.NotEmpty(waits.Pauses);
        Assert.All(waits.Pauses, pause => Assert.Equal(TimeSpan.FromSeconds(60), pause));
    }

    private static async Task<List<string>> SevenAsync(ControlPlane plane)
    {
        List<string> ids = [];
        for (int index = 0; index < 7; index++)
        {
            ids.Add((await plane.PlannedAsync("nonsense")).Id);
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }
        return ids;
    }

    private static BinaryContent Body(string file) =>
        BinaryContent.Create(BinaryData.FromObjectAsJson(new { input_file_id = file, endpoint = "/v1/infill", completion_window = "24h", metadata = new { job = "a" } }));
}
