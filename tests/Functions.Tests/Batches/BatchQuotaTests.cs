using System.Net;
using System.Text;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class BatchQuotaTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_tenant_with_too_many_batches_waits_for_one_to_end_and_others_do_not()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxActiveBatches", "2"));
        var first = await plane.CreatedAsync(Encoding.UTF8.GetBytes("nonsense"));
        await plane.CreatedAsync(Encoding.UTF8.GetBytes(Lines(1)));

        await AssertTooManyAsync(await CreateAsync(plane, plane.Client), "rate_limit_exceeded");
        using var other = await plane.NewClientAsync("other");
        Assert.Equal(HttpStatusCode.OK, (await CreateAsync(plane, other)).StatusCode);

        await plane.PlanAsync(first);   // fails, and so ends
        Assert.Equal(HttpStatusCode.OK, (await CreateAsync(plane, plane.Client)).StatusCode);
    }

    [Fact]
    public async Task The_inputs_of_a_tenants_batches_may_have_so_many_bytes_together()
    {
        int size = Lines(1).Length;
        await using var plane = await StartAsync(fixture, ("Limits:MaxActiveBytes", $"{2 * size}"));

        Assert.Equal(HttpStatusCode.OK, (await CreateAsync(plane, plane.Client)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await CreateAsync(plane, plane.Client)).StatusCode);
        await AssertTooManyAsync(await CreateAsync(plane, plane.Client), "token_limit_exceeded");
    }

    [Fact]
    public async Task When_too_many_batches_wait_to_be_planned_everybody_waits()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxQueuedPlans", "1"));
        await plane.Get<WorkQueues>().SendPlanAsync(new JobKey("other", "batch"), CancellationToken.None);

        await AssertTooManyAsync(await CreateAsync(plane, plane.Client), "server_overloaded");
        Assert.Empty(await plane.Batches.Open.ListAsync(tenant: null, CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task A_file_over_the_limit_is_refused_while_it_comes_and_leaves_nothing_behind()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxFileBytes", "500000"));
        using var form = new MultipartFormDataContent { { new ByteArrayContent(new byte[500_001]), "file", "x" }, { new StringContent("batch"), "purpose" } };

        await AssertErrorAsync(await plane.Client.PostAsync("/v1/files", form), HttpStatusCode.RequestEntityTooLarge, "file");
        await plane.UploadAsync(new byte[500_000]);

        Assert.Single(await plane.Storage.Container(Shared.Storage.StorageNames.FilesContainer).GetBlobsAsync().ToListAsync());
    }

    [Fact]
    public async Task Limits_on_lines_hold_while_the_input_is_read()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxLines", "3"), ("Limits:MaxLineBytes", "1000"));

        Assert.Contains("too_many_tasks", (await plane.PlannedAsync(Lines(4))).Errors, StringComparison.Ordinal);
        Assert.Contains("line_too_long", (await plane.PlannedAsync(Line("a") + "\n" + Line("b", new string('x', 1000)))).Errors, StringComparison.Ordinal);
        Assert.Equal(BatchStatus.InProgress, (await plane.PlannedAsync(Lines(3))).Status);
    }

    private static async Task<HttpResponseMessage> CreateAsync(ControlPlane plane, HttpClient client)
    {
        using var form = new MultipartFormDataContent { { new StringContent("batch"), "purpose" }, { new ByteArrayContent(Encoding.UTF8.GetBytes(Lines(1))), "file", "input.jsonl" } };
        string file = (await ReadAsync(await client.PostAsync("/v1/files", form)))["id"]!.GetValue<string>();
        using var body = new StringContent($$"""{"input_file_id":"{{file}}","endpoint":"/v1/infill","completion_window":"24h"}""", Encoding.UTF8, "application/json");
        return await client.PostAsync("/v1/batches", body);
    }

    private static async Task AssertTooManyAsync(HttpResponseMessage response, string code)
    {
        Assert.True(response.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Contains(code, await response.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        await AssertErrorAsync(response, HttpStatusCode.TooManyRequests, null);
    }
}
