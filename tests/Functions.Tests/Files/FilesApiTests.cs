using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Files;

public sealed class FilesApiTests(StorageFixture fixture)
{
    [Fact]
    public async Task An_upload_comes_back_as_it_was()
    {
        await using var plane = await StartAsync(fixture);
        byte[] content = [.. Enumerable.Range(0, 300_000).Select(index => (byte)(index * 31))];

        var file = await plane.UploadAsync(content);

        Assert.Equal(
            ("file", "processed", "batch", "input.jsonl", content.Length),
            (Text(file, "object"), Text(file, "status"), Text(file, "purpose"), Text(file, "filename"), file["bytes"]!.GetValue<int>()));
        Assert.Equal(content, await plane.Client.GetByteArrayAsync($"/v1/files/{Text(file, "id")}/content"));
        Assert.Equal(file.ToJsonString(), (await ReadAsync(await plane.Client.GetAsync($"/v1/files/{Text(file, "id")}"))).ToJsonString());
    }

    [Fact]
    public async Task The_purpose_may_come_after_the_file()
    {
        await using var plane = await StartAsync(fixture);
        using var form = new MultipartFormDataContent
            { { new ByteArrayContent("{}"u8.ToArray()), "file", "late.jsonl" }, { new StringContent("batch"), "purpose" } };

        var file = await ReadAsync(await plane.Client.PostAsync("/v1/files", form));

        Assert.Equal(("batch", "late.jsonl"), (Text(file, "purpose"), Text(file, "filename")));
    }

    [Theory]
    [InlineData("holiday")]
    [InlineData("batch_output")]
    [InlineData("")]
    public async Task A_purpose_that_is_not_offered_leaves_nothing_behind(string purpose)
    {
        await using var plane = await StartAsync(fixture);
        using var form = new MultipartFormDataContent
            { { new ByteArrayContent("{}"u8.ToArray()), "file", "x" }, { new StringContent(purpose), "purpose" } };

        await AssertErrorAsync(await plane.Client.PostAsync("/v1/files", form), HttpStatusCode.BadRequest, "purpose");
        Assert.Empty(await plane.Storage.Container(StorageNames.FilesContainer).GetBlobsAsync().ToListAsync());
    }

    [Fact]
    public async Task A_form_without_a_file_or_without_a_purpose_is_refused()
    {
        await using var plane = await StartAsync(fixture);
        using var noFile = new MultipartFormDataContent { { new StringContent("batch"), "purpose" } };
        using var noPurpose = new MultipartFormDataContent { { new ByteArrayContent("{}"u8.ToArray()), "file", "x" } };
        using var noForm = new StringContent("{}", Encoding.UTF8, "application/json");

        await AssertErrorAsync(await plane.Client.PostAsync("/v1/files", noFile), HttpStatusCode.BadRequest, "file");
        await AssertErrorAsync(await plane.Client.PostAsync("/v1/files", noPurpose), HttpStatusCode.BadRequest, "purpose");
        await AssertErrorAsync(await plane.Client.PostAsync("/v1/files", noForm), HttpStatusCode.BadRequest, "file");
    }

    [Fact]
    public async Task An_upload_cut_in_the_middle_leaves_nothing_behind()
    {
        await using var plane = await StartAsync(fixture);
        string head = "POST /v1/files HTTP/1.1\r\nHost: x\r\n" + $"Authorization: {plane.Client.DefaultRequestHeaders.Authorization}\r\n"
            + "Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 1000000\r\n\r\n"
            + "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhalf of it";
        using (var socket = new TcpClient())
        {
            await socket.ConnectAsync(plane.Client.BaseAddress!.Host, plane.Client.BaseAddress.Port);
            await socket.GetStream().WriteAsync(Encoding.ASCII.GetBytes(head));
        }

        var listed = await ReadAsync(await plane.Client.GetAsync("/v1/files"));
        Assert.Empty(listed["data"]!.AsArray());
    }

    [Theory]
    [InlineData("desc")]
    [InlineData("asc")]
    public async Task Pages_of_a_listing_follow_one_another_even_behind_a_deleted_file(string order)
    {
        await using var plane = await StartAsync(fixture);
        List<string> ids = [];
        for (int index = 0; index < 7; index++)
        {
            ids.Add(Text(await plane.UploadAsync("{}"), "id"));
            plane.Time.Advance(TimeSpan.FromSeconds(1));
        }

        List<string> seen = [];
        for (string after = ""; ;)
        {
            var page = await ReadAsync(await plane.Client.GetAsync($"/v1/files?limit=3&order={order}{after}"));
            string[] onPage = [.. page["data"]!.AsArray().Select(file => Text(file!, "id"))];
            Assert.Equal((onPage[0], onPage[^1]), (Text(page, "first_id"), Text(page, "last_id")));
            seen.AddRange(onPage);
            if (!page["has_more"]!.GetValue<bool>())
                break;
            after = $"&after={onPage[^1]}";
            (await plane.Client.DeleteAsync($"/v1/files/{onPage[^1]}")).EnsureSuccessStatusCode();
        }
        Assert.Equal(order == "asc" ? ids : Enumerable.Reverse(ids), seen);
    }

    [Theory]
    [InlineData("limit=0", "limit")]
    [InlineData("limit=many", "limit")]
    [InlineData("order=up", "order")]
    [InlineData("after=batch_1", "after")]
    public async Task A_listing_asked_for_wrongly_is_refused_by_name(string query, string parameter)
    {
        await using var plane = await StartAsync(fixture);

        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/files?{query}"), HttpStatusCode.BadRequest, parameter);
    }

    [Fact]
    public async Task A_deleted_file_is_gone_with_its_bytes()
    {
        await using var plane = await StartAsync(fixture);
        string id = Text(await plane.UploadAsync("{}"), "id");

        var deleted = await ReadAsync(await plane.Client.DeleteAsync($"/v1/files/{id}"));

        Assert.True(deleted["deleted"]!.GetValue<bool>());
        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/files/{id}"), HttpStatusCode.NotFound, null);
        Assert.Empty(await plane.Storage.Container(StorageNames.FilesContainer).GetBlobsAsync().ToListAsync());
    }

    [Theory]
    [InlineData("/files/")]
    [InlineData("/files(")]
    public async Task A_deletion_that_storage_cuts_short_leaves_nothing_to_be_seen_and_the_rest_goes_with_the_timer(string path)
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        string id = Text(await plane.UploadAsync("{}"), "id");

        faults.Refuses = call => call.StartsWith("DELETE", StringComparison.Ordinal) && call.Contains(path, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await plane.Client.DeleteAsync($"/v1/files/{id}")).StatusCode);
        faults.Refuses = _ => false;

        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/files/{id}"), HttpStatusCode.NotFound, null);
        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/files/{id}/content"), HttpStatusCode.NotFound, null);
        Assert.Empty((await ReadAsync(await plane.Client.GetAsync("/v1/files")))["data"]!.AsArray());
        plane.Time.Advance(TimeSpan.FromSeconds(1));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);
        Assert.Empty(await plane.Storage.Container(StorageNames.FilesContainer).GetBlobsAsync().ToListAsync());
        Assert.Empty(await plane.Files.Records.ListAsync(Tenant, after: null, CancellationToken.None).ToListAsync());
    }

    [Fact]
    public async Task An_upload_whose_record_cannot_be_written_leaves_nothing_behind()
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        using var form = new MultipartFormDataContent
            { { new StringContent("batch"), "purpose" }, { new ByteArrayContent("{}"u8.ToArray()), "file", "x" } };

        faults.Refuses = call => !call.StartsWith("DELETE", StringComparison.Ordinal)
            && !call.StartsWith("GET", StringComparison.Ordinal) && call.Contains("/files(", StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await plane.Client.PostAsync("/v1/files", form)).StatusCode);

        Assert.Empty(await plane.Storage.Container(StorageNames.FilesContainer).GetBlobsAsync().ToListAsync());
    }

    [Fact]
    public async Task Another_tenants_file_cannot_be_seen_read_listed_or_deleted()
    {
        await using var plane = await StartAsync(fixture);
        string id = Text(await plane.UploadAsync("{}"), "id");
        using var other = await plane.NewClientAsync("other");

        await AssertErrorAsync(await other.GetAsync($"/v1/files/{id}"), HttpStatusCode.NotFound, null);
        await AssertErrorAsync(await other.GetAsync($"/v1/files/{id}/content"), HttpStatusCode.NotFound, null);
        await AssertErrorAsync(await other.DeleteAsync($"/v1/files/{id}"), HttpStatusCode.NotFound, null);
        Assert.Empty((await ReadAsync(await other.GetAsync("/v1/files")))["data"]!.AsArray());
    }

    [Fact]
    public async Task A_part_of_a_file_can_be_read()
    {
        await using var plane = await StartAsync(fixture);
        string id = Text(await plane.UploadAsync("0123456789"), "id");
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/files/{id}/content") { Headers = { Range = new(3, 5) } };

        using var response = await plane.Client.SendAsync(request);

        Assert.Equal(HttpStatusCode.PartialContent, response.StatusCode);
        Assert.Equal("345", await response.Content.ReadAsStringAsync());
    }

    internal static async Task AssertErrorAsync(HttpResponseMessage response, HttpStatusCode status, string? parameter)
    {
        using (response)
        {
            Assert.Equal(status, response.StatusCode);
            Assert.True(response.Headers.Contains("x-request-id"));
            var error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
            Assert.NotEmpty(Text(error, "message"));
            Assert.NotEmpty(Text(error, "type"));
            Assert.Equal(parameter, error["param"]?.GetValue<string>());
        }
    }

    private static string Text(JsonNode json, string name) => json[name]!.GetValue<string>();
}
