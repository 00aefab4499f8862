using System.Net;
using System.Text;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class BatchFilterTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_list_has_the_batches_that_match_all_filters()
    {
        await using var plane = await StartAsync(fixture);
        var begun = plane.Time.GetUtcNow();
        var planned = await plane.PlannedAsync(Lines(1));
        plane.Time.Advance(TimeSpan.FromHours(1));
        var failed = await plane.PlannedAsync("nonsense");
        plane.Time.Advance(TimeSpan.FromHours(1));
        string file = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>();
        using var body = new StringContent(
            $$$"""{"input_file_id":"{{{file}}}","endpoint":"/v1/score","completion_window":"24h","metadata":{"team":"a b"}}""");
        string tagged = (await ReadAsync(await plane.Client.PostAsync("/v1/batches", body)))["id"]!.GetValue<string>();
        long late = begun.AddMinutes(90).ToUnixTimeSeconds();

        await AssertListedAsync(plane, "status=in_progress", planned.Id);
        await AssertListedAsync(plane, "status=failed,validating", tagged, failed.Id);
        await AssertListedAsync(plane, "endpoint=/v1/score", tagged);
        await AssertListedAsync(plane, $"model={Uri.EscapeDataString(Model)}", planned.Id);
        await AssertListedAsync(plane, $"created_after={late}", tagged);
        await AssertListedAsync(plane, $"created_before={late}", failed.Id, planned.Id);
        await AssertListedAsync(plane, "metadata[team]=a%20b", tagged);
        await AssertListedAsync(plane, $"metadata[team]=a%20b&created_before={late}");
        await AssertListedAsync(plane, "api-version=2025-01-01&limit=1", tagged);
    }

    [Theory]
    [InlineData("status=done", "status")]
    [InlineData("endpoint=/v1/embeddings", "endpoint")]
    [InlineData("created_after=yesterday", "created_after")]
    [InlineData("created_after=20&created_before=10", "created_before")]
    [InlineData("limit=0", "limit")]
    [InlineData("stauts=failed", "stauts")]
    public async Task A_filter_without_a_meaning_is_refused_by_name(string query, string parameter)
    {
        await using var plane = await StartAsync(fixture);

        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/batches?{query}"), HttpStatusCode.BadRequest, parameter);
    }

    private static async Task AssertListedAsync(ControlPlane plane, string query, params string[] ids)
    {
        var list = await ReadAsync(await plane.Client.GetAsync($"/v1/batches?{query}"));

        Assert.Equal(ids, list["data"]!.AsArray().Select(batch => batch!["id"]!.GetValue<string>()));
    }
}
