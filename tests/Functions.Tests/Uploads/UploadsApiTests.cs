using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Uploads;

public sealed class UploadsApiTests(StorageFixture fixture)
{
    [Fact]
    public async Task Parts_become_the_file_in_the_order_that_the_client_names()
    {
        await using var plane = await StartAsync(fixture);
        byte[] large = RandomNumberGenerator.GetBytes((9 << 20) + 17), small = "the end"u8.ToArray();
        byte[] whole = [.. large, .. small];
        string id = await BegunAsync(plane, whole.Length);
        string last = await PartAsync(plane, id, small), first = await PartAsync(plane, id, large);

        var completed = await ReadAsync(await CompleteAsync(plane, id, [first, last], Sum(whole)));

        Assert.Equal("completed", completed["status"]!.GetValue<string>());
        Assert.Equal("corpus.jsonl", completed["file"]!["filename"]!.GetValue<string>());
        Assert.Equal(whole.Length, completed["file"]!["bytes"]!.GetValue<int>());
        string file = completed["file"]!["id"]!.GetValue<string>();
        Assert.Equal(whole, await plane.Client.GetByteArrayAsync($"/v1/files/{file}/content"));
        var again = await ReadAsync(await CompleteAsync(plane, id, [first, last]));
        Assert.Equal(file, again["file"]!["id"]!.GetValue<string>());
        Assert.Single((await ReadAsync(await plane.Client.GetAsync("/v1/files")))["data"]!.AsArray());
        await AssertCodeAsync(await CompleteAsync(plane, id, [last, first]), HttpStatusCode.Conflict, "wrong_state");
        await AssertCodeAsync(await plane.Client.PostAsync($"/v1/uploads/{id}/cancel", null), HttpStatusCode.Conflict, "not_cancellable");
    }

    [Fact]
    public async Task A_part_can_go_to_storage_directly_and_one_that_never_came_is_named()
    {
        await using var plane = await StartAsync(fixture);
        string id = await BegunAsync(plane, 8);
        using var announcement = Json("""{"bytes":5}""");
        var announced = await ReadAsync(await plane.Client.PostAsync($"/v1/uploads/{id}/parts", announcement));
        string[] parts = [announced["id"]!.GetValue<string>(), await PartAsync(plane, id, "xyz"u8.ToArray())];

        await AssertCodeAsync(await CompleteAsync(plane, id, parts), HttpStatusCode.BadRequest, "part_missing");
        using var client = new HttpClient();
        using var bytes = new ByteArrayContent("first"u8.ToArray());
        (await client.PutAsync(announced["upload_url"]!.GetValue<string>(), bytes)).EnsureSuccessStatusCode();
        var completed = await ReadAsync(await CompleteAsync(plane, id, parts));

        Assert.Equal("firstxyz", await plane.Client.GetStringAsync($"/v1/files/{completed["file"]!["id"]}/content"));
    }

    [Fact]
    public async Task A_file_with_another_sum_is_dropped_and_its_upload_cancelled()
    {
        await using var plane = await StartAsync(fixture);
        string id = await BegunAsync(plane, 3);
        string part = await PartAsync(plane, id, "abc"u8.ToArray());

        await AssertCodeAsync(await CompleteAsync(plane, id, [part], new string('0', 32)), HttpStatusCode.BadRequest, "md5_mismatch");

        await AssertCodeAsync(await CompleteAsync(plane, id, [part]), HttpStatusCode.Conflict, "wrong_state");
        Assert.Empty((await ReadAsync(await plane.Client.GetAsync("/v1/files")))["data"]!.AsArray());
        Assert.Empty(await plane.Storage.Container(StorageNames.FilesContainer).GetBlobsAsync().ToListAsync());
    }

    [Fact]
    public async Task Parts_that_are_missing_doubled_or_of_another_upload_are_refused_and_can_be_mended()
    {
        await using var plane = await StartAsync(fixture);
        string id = await BegunAsync(plane, 6), other = await BegunAsync(plane, 3);
        string first = await PartAsync(plane, id, "abc"u8.ToArray()), second = await PartAsync(plane, id, "def"u8.ToArray());
        string foreign = await PartAsync(plane, other, "ghi"u8.ToArray());

        await AssertCodeAsync(await CompleteAsync(plane, id, [first]), HttpStatusCode.BadRequest, "size_mismatch");
        await AssertCodeAsync(await CompleteAsync(plane, id, [first, first]), HttpStatusCode.BadRequest, "duplicate_part");
        await AssertCodeAsync(await CompleteAsync(plane, id, [first, foreign]), HttpStatusCode.BadRequest, "part_not_found");
        await AssertCodeAsync(await CompleteAsync(plane, id, [first, "part_1"]), HttpStatusCode.BadRequest, "part_not_found");
        var completed = await ReadAsync(await CompleteAsync(plane, id, [first, second]));

        Assert.Equal("abcdef", await plane.Client.GetStringAsync($"/v1/files/{completed["file"]!["id"]}/content"));
    }

    [Fact]
    public async Task An_upload_takes_parts_for_an_hour_and_leaves_nothing_behind()
    {
        await using var plane = await StartAsync(fixture);
        string id = await BegunAsync(plane, 3), whole = await BegunAsync(plane, 3);
        string part = await PartAsync(plane, id, "abc"u8.ToArray());
        var completed = await ReadAsync(await CompleteAsync(plane, whole, [await PartAsync(plane, whole, "xyz"u8.ToArray())]));
        plane.Time.Advance(TimeSpan.FromHours(1));

        await AssertCodeAsync(await CompleteAsync(plane, id, [part]), HttpStatusCode.Conflict, "upload_expired");
        using var late = Form("abc"u8.ToArray());
        await AssertCodeAsync(await plane.Client.PostAsync($"/v1/uploads/{id}/parts", late), HttpStatusCode.Conflict, "upload_expired");
        plane.Time.Advance(TimeSpan.FromHours(2));
        await plane.Get<RetentionTimer>().RunAsync(CancellationToken.None);

        Assert.Equal("xyz", await plane.Client.GetStringAsync($"/v1/files/{completed["file"]!["id"]}/content"));
        await AssertErrorAsync(await plane.Client.PostAsync($"/v1/uploads/{id}/cancel", null), HttpStatusCode.NotFound, null);
        Assert.Empty(await plane.Storage.Table(StorageNames.UploadsTable).QueryAsync<Azure.Data.Tables.TableEntity>().ToListAsync());
    }

    [Fact]
    public async Task A_cancelled_upload_takes_no_parts_and_is_cancelled_once_and_for_all()
    {
        await using var plane = await StartAsync(fixture);
        string id = await BegunAsync(plane, 3);
        string part = await PartAsync(plane, id, "abc"u8.ToArray());

        for (int time = 0; time < 2; time++)
        {
            var cancelled = await ReadAsync(await plane.Client.PostAsync($"/v1/uploads/{id}/cancel", null));
            Assert.Equal("cancelled", cancelled["status"]!.GetValue<string>());
        }

        await AssertCodeAsync(await CompleteAsync(plane, id, [part]), HttpStatusCode.Conflict, "wrong_state");
        using var late = Form("abc"u8.ToArray());
        await AssertCodeAsync(await plane.Client.PostAsync($"/v1/uploads/{id}/parts", late), HttpStatusCode.Conflict, "wrong_state");
    }

    [Theory]
    [InlineData("filename", "\"\"")]
    [InlineData("filename", "\"/\"")]
    [InlineData("purpose", "\"assistants\"")]
    [InlineData("bytes", "0")]
    [InlineData("bytes", "1.5")]
    [InlineData("bytes", "null")]
    [InlineData("bytes", "8589934593")]
    [InlineData("mime_type", "1")]
    [InlineData("expires_after", """{"anchor":"created_at","seconds":1}""")]
    [InlineData("sha256", "\"x\"")]
    public async Task An_upload_asked_for_wrongly_is_refused_by_name(string name, string value)
    {
        await using var plane = await StartAsync(fixture);
        var body = Asked(3);
        body[name] = JsonNode.Parse(value);
        using var content = Json(body.ToJsonString());

        await AssertErrorAsync(
            await plane.Client.PostAsync("/v1/uploads", content),
            value == "8589934593" ? HttpStatusCode.RequestEntityTooLarge : HttpStatusCode.BadRequest, name);
    }

    [Theory]
    [InlineData("""{"part_ids":[]}""", "part_ids")]
    [InlineData("""{"part_ids":"part"}""", "part_ids")]
    [InlineData("""{}""", "part_ids")]
    [InlineData("""{"part_ids":["part_1"],"md5":"12"}""", "md5")]
    [InlineData("""{"part_ids":["part_1"],"sum":"12"}""", "sum")]
    public async Task A_completion_asked_for_wrongly_is_refused_by_name(string body, string parameter)
    {
        await using var plane = await StartAsync(fixture);
        string id = await BegunAsync(plane, 3);
        using var content = Json(body);

        await AssertErrorAsync(await plane.Client.PostAsync($"/v1/uploads/{id}/complete", content), HttpStatusCode.BadRequest, parameter);
    }

    [Fact]
    public async Task A_part_that_is_empty_unnamed_too_long_or_no_form_is_refused()
    {
        await using var plane = await StartAsync(fixture);
        string id = await BegunAsync(plane, 3);

        foreach (var (content, status) in new (HttpContent Content, HttpStatusCode Status)[]
        {
            (Form([]), HttpStatusCode.BadRequest), (Form("abc"u8.ToArray(), "file"), HttpStatusCode.BadRequest),
            (new StringContent("abc"), HttpStatusCode.BadRequest), (Json("""{"bytes":0}"""), HttpStatusCode.BadRequest),
            (Json("""{"bytes":67108865}"""), HttpStatusCode.BadRequest),
            (Form(new byte[(64 << 20) + 1]), HttpStatusCode.RequestEntityTooLarge),
        })
        {
            using (content)
            using (var response = await plane.Client.PostAsync($"/v1/uploads/{id}/parts", content))
                Assert.Equal(status, response.StatusCode);
        }
    }

    [Fact]
    public async Task Another_tenants_upload_cannot_be_touched()
    {
        await using var plane = await StartAsync(fixture);
        string id = await BegunAsync(plane, 3);
        using var other = await plane.NewClientAsync("other");
        using var part = Form("abc"u8.ToArray());

        await AssertErrorAsync(await other.PostAsync($"/v1/uploads/{id}/parts", part), HttpStatusCode.NotFound, null);
        await AssertErrorAsync(await other.PostAsync($"/v1/uploads/{id}/cancel", null), HttpStatusCode.NotFound, null);
    }

    [Fact]
    public async Task Whatever_call_to_storage_fails_a_completion_that_is_made_again_gives_the_whole_file_once()
    {
        var faults = new StorageFaults();
        await using var plane = await ControlPlane.StartAsync(fixture, faults);
        for (int failing = 1; ; failing++)
        {
            string id = await BegunAsync(plane, 6);
            string[] parts = [await PartAsync(plane, id, "abc"u8.ToArray()), await PartAsync(plane, id, "def"u8.ToArray())];
            int calls = 0;
            faults.Refuses = call => !call.Contains("/keys", StringComparison.Ordinal) && ++calls == failing;
            using var first = await CompleteAsync(plane, id, parts);
            faults.Refuses = _ => false;

            var completed = await ReadAsync(await CompleteAsync(plane, id, parts));

            Assert.Equal("abcdef", await plane.Client.GetStringAsync($"/v1/files/{completed["file"]!["id"]}/content"));
            Assert.Equal(failing, (await ReadAsync(await plane.Client.GetAsync("/v1/files")))["data"]!.AsArray().Count);
            if (calls < failing)
                break;
        }
    }

    private static string Sum(byte[] bytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.MD5);
        hash.AppendData(bytes);
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    private static JsonObject Asked(long bytes) => new()
    {
        ["filename"] = "corpus.jsonl",
        ["purpose"] = "batch",
        ["bytes"] = bytes,
        ["mime_type"] = "application/jsonl",
    };

    private static async Task<string> BegunAsync(ControlPlane plane, long bytes)
    {
        using var content = Json(Asked(bytes).ToJsonString());
        var upload = await ReadAsync(await plane.Client.PostAsync("/v1/uploads", content));
        Assert.Equal("pending", upload["status"]!.GetValue<string>());
        return upload["id"]!.GetValue<string>();
    }

    private static async Task<string> PartAsync(ControlPlane plane, string upload, byte[] bytes)
    {
        using var form = Form(bytes);
        return (await ReadAsync(await plane.Client.PostAsync($"/v1/uploads/{upload}/parts", form)))["id"]!.GetValue<string>();
    }

    private static async Task<HttpResponseMessage> CompleteAsync(ControlPlane plane, string upload, string[] parts, string? md5 = null)
    {
        var body = new JsonObject { ["part_ids"] = new JsonArray([.. parts.Select(part => JsonValue.Create(part))]), ["md5"] = md5 };
        using var content = Json(body.ToJsonString());
        return await plane.Client.PostAsync($"/v1/uploads/{upload}/complete", content);
    }

    private static MultipartFormDataContent Form(byte[] bytes, string name = "data") =>
        new() { { new ByteArrayContent(bytes), name, "part" } };

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    private static async Task AssertCodeAsync(HttpResponseMessage response, HttpStatusCode status, string code)
    {
        using (response)
        {
            var error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
            Assert.Equal((status, code), (response.StatusCode, error["code"]?.GetValue<string>()));
        }
    }
}
