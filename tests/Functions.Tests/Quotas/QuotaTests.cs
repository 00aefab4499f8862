using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Quotas;

public sealed class QuotaTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_key_that_sends_too_many_requests_waits_and_another_key_of_its_tenant_does_not()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxRequestsPerSecond", "1"));
        using var other = await plane.NewClientAsync(Tenant);

        HttpResponseMessage? refused = null;
        for (int request = 0; request < 100 && refused is null; request++)
        {
            var answer = await plane.Client.GetAsync("/v1/models");
            refused = answer.StatusCode == HttpStatusCode.TooManyRequests ? answer : null;
        }

        Assert.NotNull(refused);
        Assert.True(refused.Headers.RetryAfter!.Delta >= TimeSpan.FromSeconds(1));
        Assert.Equal("0", Header(refused, "x-ratelimit-remaining-requests"));
        Assert.Contains("rate_limit_exceeded", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.OK, (await other.GetAsync("/v1/models")).StatusCode);
    }

    [Fact]
    public async Task Each_answer_says_how_many_requests_are_left()
    {
        await using var plane = await StartAsync(fixture);

        var answer = await plane.Client.GetAsync("/v1/models");

        Assert.Equal(("500", "499"), (Header(answer, "x-ratelimit-limit-requests"), Header(answer, "x-ratelimit-remaining-requests")));
        Assert.Equal("0.01s", Header(answer, "x-ratelimit-reset-requests"));
    }

    [Fact]
    public async Task Deleting_a_file_gives_its_place_back_once_however_often_it_is_deleted()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxStoredFiles", "2"));
        string id = (await plane.UploadAsync("{}"))["id"]!.GetValue<string>();
        await plane.UploadAsync("{}");
        await AssertRefusedAsync(await PostAsync(plane), "too_many_files");

        for (int time = 0; time < 3; time++)
            _ = await plane.Client.DeleteAsync($"/v1/files/{id}");

        await plane.UploadAsync("{}");
        await AssertRefusedAsync(await PostAsync(plane), "too_many_files");
    }

    [Fact]
    public async Task A_file_that_another_process_deleted_or_that_has_expired_gives_its_place_back()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxStoredFiles", "1"));
        string id = (await plane.UploadAsync("{}"))["id"]!.GetValue<string>();
        await AssertRefusedAsync(await PostAsync(plane), "too_many_files");
        await plane.Files.DeleteAsync(Tenant, id["file-".Length..], CancellationToken.None);
        plane.Time.Advance(TimeSpan.FromSeconds(6));
        await plane.UploadAsync("{}");

        plane.Time.Advance(TimeSpan.FromDays(31));
        await plane.UploadAsync("{}");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_file_for_which_there_is_no_room_is_refused_and_leaves_nothing_behind(bool isDeclared)
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxStoredBytes", "200000"));
        await plane.UploadAsync(new byte[150_000]);

        await AssertRefusedAsync(await PostAsync(plane, new byte[120_000], isDeclared), "storage_limit_exceeded");

        await plane.UploadAsync(new byte[50_000]);
        Assert.Equal(2, await plane.Storage.Container(StorageNames.FilesContainer).GetBlobsAsync().CountAsync());
        await AssertRefusedAsync(await PostAsync(plane), "storage_limit_exceeded");
    }

    [Fact]
    public async Task A_batch_for_whose_results_there_is_no_room_is_refused()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxStoredFiles", "1"));
        string file = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>();

        using var body = new StringContent(
            $$"""{"input_file_id":"{{file}}","endpoint":"/v1/infill","completion_window":"24h"}""", Encoding.UTF8, "application/json");
        await AssertRefusedAsync(await plane.Client.PostAsync("/v1/batches", body), "too_many_files");
    }

    [Fact]
    public async Task What_an_operator_sets_for_a_tenant_holds_for_it_within_half_a_minute()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxStoredFiles", "1"));
        await plane.UploadAsync("{}");
        await AssertRefusedAsync(await PostAsync(plane), "too_many_files");

        await plane.Get<TenantLimits>().SetAsync(Tenant, limits => limits.StoredFiles = 2, CancellationToken.None);
        await plane.Get<TenantLimits>().SetAsync("other", limits => limits.StoredFiles = 0, CancellationToken.None);
        plane.Time.Advance(TenantQuotas.Kept);

        await plane.UploadAsync("{}");
        await AssertRefusedAsync(await PostAsync(plane), "too_many_files");
    }

    [Fact]
    public async Task Uploads_at_the_same_time_are_limited()
    {
        await using var plane = await StartAsync(fixture, ("Limits:MaxUploadsAtOnce", "1"));
        using var first = await plane.Get<UploadPlaces>().EnterAsync(Tenant, CancellationToken.None);

        var refused = await PostAsync(plane);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
        Assert.NotNull(refused.Headers.RetryAfter);
        using var other = await plane.Get<UploadPlaces>().EnterAsync("other", CancellationToken.None);
        first.Dispose();

        await plane.UploadAsync("{}");
        await plane.UploadAsync("{}");
    }

    private static Task<HttpResponseMessage> PostAsync(ControlPlane plane) => PostAsync(plane, "{}"u8.ToArray(), isDeclared: true);

    private static async Task<HttpResponseMessage> PostAsync(ControlPlane plane, byte[] content, bool isDeclared)
    {
        using var form = new MultipartFormDataContent
            { { new StringContent("batch"), "purpose" }, { new ByteArrayContent(content), "file", "input.jsonl" } };
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/files") { Content = form };
        request.Headers.TransferEncodingChunked = !isDeclared;
        return await plane.Client.SendAsync(request);
    }

    private static async Task AssertRefusedAsync(HttpResponseMessage answer, string code)
    {
        var error = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["error"]!;
        Assert.Equal((HttpStatusCode.BadRequest, code), (answer.StatusCode, error["code"]!.GetValue<string>()));
    }

    private static string Header(HttpResponseMessage answer, string name) => answer.Headers.GetValues(name).Single();
}
