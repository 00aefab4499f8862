using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Tests.Schedules;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Documents;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Http;

/// <summary>Input of people who mean well: it is taken, or refused by name with a reason.</summary>
public sealed class RequestInputTests(StorageFixture fixture)
{
    private const string InAnHour = """{"anchor":"created_at","seconds":3600}""";

    [Theory]
    [InlineData("file")]
    [InlineData("purpose")]
    [InlineData("expires_after")]
    public async Task A_second_part_of_one_name_is_refused_by_name(string name)
    {
        await using var plane = await StartAsync(fixture);
        using var form = Form();
        form.Add(new StringContent(InAnHour), "expires_after");
        if (name == "file")
            form.Add(new ByteArrayContent([1]), "file", "b.jsonl");
        else
            form.Add(new StringContent("batch"), name);

        await AssertErrorAsync(await plane.Client.PostAsync("/v1/files", form), HttpStatusCode.BadRequest, name);
        Assert.Empty((await ReadAsync(await plane.Client.GetAsync("/v1/files")))["data"]!.AsArray());
    }

    [Fact]
    public async Task A_part_that_is_unknown_is_refused_by_name()
    {
        await using var plane = await StartAsync(fixture);
        using var form = Form();
        form.Add(new StringContent("x"), "expiry");

        await AssertErrorAsync(await plane.Client.PostAsync("/v1/files", form), HttpStatusCode.BadRequest, "expiry");
    }

    [Theory]
    [InlineData(InAnHour, true)]
    [InlineData("""{"anchor":"created_at","seconds":3600.0}""", true)]
    [InlineData("null", null)]
    [InlineData("""{"anchor":"created_at","seconds":3599}""", false)]
    [InlineData("""{"anchor":"created_at","seconds":3600,"more":1}""", false)]
    [InlineData("3600", false)]
    [InlineData("{", false)]
    public async Task Expires_after_may_be_one_field_with_a_JSON_object(string json, bool? isTaken)
    {
        await using var plane = await StartAsync(fixture);
        using var form = Form();
        form.Add(new StringContent(json), "expires_after");

        using var response = await plane.Client.PostAsync("/v1/files", form);

        Assert.Equal(isTaken == false ? HttpStatusCode.BadRequest : HttpStatusCode.OK, response.StatusCode);
        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        var inAnHour = plane.Time.GetUtcNow().AddHours(1).ToUnixTimeSeconds();
        if (isTaken == false)
            Assert.StartsWith(
                "expires_after", answer["error"]!["message"]!.GetValue<string>()
                .Replace("Unknown parameter: ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        else
            Assert.Equal(isTaken == true, answer["expires_at"]!.GetValue<long>() == inAnHour);
    }

    [Fact]
    public async Task HEAD_answers_every_GET_route_without_a_body()
    {
        await using var plane = await StartAsync(fixture);
        string id = (await plane.UploadAsync("{}\n"))["id"]!.GetValue<string>();
        foreach (string path in new[]
            { "/healthz", "/readyz", "/openapi/v1.json", "/v1/models",
            "/v1/batches", "/v1/files", $"/v1/files/{id}", $"/v1/files/{id}/content", "/v1/schedules" })
        {
            using var get = await plane.Client.GetAsync(path);
            using var head = await plane.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, path));

            Assert.Equal((get.StatusCode, get.Content.Headers.ContentType), (head.StatusCode, head.Content.Headers.ContentType));
            Assert.Empty(await head.Content.ReadAsByteArrayAsync());
        }
        using var content = await plane.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"/v1/files/{id}/content"));
        Assert.Equal(3, content.Content.Headers.ContentLength);
        using var missing = await plane.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/v1/files/file-none"));
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        using var post = await plane.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"/v1/batches/{id}/cancel"));
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
    }

    [Fact]
    public async Task A_range_beyond_the_file_is_refused_in_the_envelope_with_the_size()
    {
        await using var plane = await StartAsync(fixture);
        string id = (await plane.UploadAsync("{}\n"))["id"]!.GetValue<string>();
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/v1/files/{id}/content")
            { Headers = { Range = new RangeHeaderValue(10, 20) } };

        using var response = await plane.Client.SendAsync(request);

        Assert.Equal("bytes */3", response.Content.Headers.ContentRange!.ToString());
        await AssertErrorAsync(response, HttpStatusCode.RequestedRangeNotSatisfiable, "range");
    }

    [Fact]
    public async Task An_endpoint_that_does_not_exist_names_the_description_of_all()
    {
        await using var plane = await StartAsync(fixture);

        string message = await MessageAsync(await plane.Client.PostAsJsonAsync("/v1/embeddings", new { }), HttpStatusCode.NotFound);

        Assert.Contains("/openapi/v1.json", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_container_is_refused_with_the_names_that_are_bound_and_the_way_to_more()
    {
        await using var plane = await StartAsync(fixture);
        const string folders = """
            {"endpoint":"/v1/infill","completion_window":"24h","body":{"model":"m"},
             "input_blobs":{"container":"nothing"},"output_blobs":{"container":"nothing"}}
            """;

        string none = await MessageAsync(await PostAsync(plane, "/v1/batches", folders), HttpStatusCode.NotFound);
        await plane.Get<ContainerBindings>().BindAsync(Tenant, "corpus", "documents", accountUrl: null, CancellationToken.None);
        await plane.Get<ContainerBindings>().BindAsync("other", "secret", "documents", accountUrl: null, CancellationToken.None);
        string some = await MessageAsync(await PostAsync(plane, "/v1/batches", folders), HttpStatusCode.NotFound);

        Assert.Contains("No container is bound to you", none, StringComparison.Ordinal);
        Assert.Contains("You may name corpus. The operator", some, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", some, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("output_blobs")]
    [InlineData("body")]
    [InlineData("without_gaps")]
    public async Task What_goes_with_a_folder_is_refused_beside_a_file(string name)
    {
        await using var plane = await StartAsync(fixture);
        string body = $$"""{"endpoint":"/v1/infill","completion_window":"24h","input_file_id":"file-1","{{name}}":"copy"}""";

        await AssertErrorAsync(await PostAsync(plane, "/v1/batches", body), HttpStatusCode.BadRequest, name);
    }

    [Theory]
    [InlineData("\uFEFF{BODY}", null)]
    [InlineData("{BODY", "The body is not valid JSON: it ends too early, at byte ")]
    [InlineData("{BODY}\u001a", "The body is not valid JSON: unexpected Ctrl-Z (U+001A), at byte ")]
    [InlineData(
        "{BODY,\"endpoint\":\"/v1/infill\"}", "The body is not valid JSON: the name 'endpoint' comes twice in one object, at byte ")]
    [InlineData(
        "{BODY,\"\\ud800\":1}", "The body is not valid JSON: a string has an unpaired surrogate escape (\\ud800-\\udfff), at byte ")]
    public async Task A_body_that_is_not_JSON_is_refused_with_the_reason_and_the_place(string text, string? reason)
    {
        await using var plane = await StartAsync(fixture);
        string file = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>();
        string body = $"\"endpoint\":\"/v1/infill\",\"completion_window\":\"24h\",\"input_file_id\":\"{file}\"";

        using var response = await PostAsync(plane, "/v1/batches", text.Replace("BODY", body, StringComparison.Ordinal));

        if (reason is null)
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        else
            Assert.StartsWith(reason, await MessageAsync(response, HttpStatusCode.BadRequest), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lines_are_refused_with_the_reason_and_the_place()
    {
        await using var plane = await StartAsync(fixture);
        byte[] umlaut = [.. Encoding.ASCII.GetBytes("""{"custom_id":"M"""), 0xFC, .. Encoding.ASCII.GetBytes("""ller"}""")];
        byte[] file = [
            .. umlaut, (byte)'\n', .. Encoding.UTF8.GetBytes(
                Line("a").Replace("\"a [", "\"\\ud83d [", StringComparison.Ordinal) + "\n\u001a")];

        var batch = await plane.CreatedAsync(file);
        await plane.PlanAsync(batch);

        string[] messages = [
            .. JsonNode.Parse((await plane.ReloadAsync(batch)).Errors!)!.AsArray().Select(error => error!["message"]!.GetValue<string>())];
        Assert.Equal(3, messages.Length);
        Assert.Equal("The line is not valid JSON: byte 0xFC is not UTF-8, at byte 16", messages[0]);
        Assert.StartsWith("The line is not valid JSON: a string has an unpaired surrogate escape", messages[1], StringComparison.Ordinal);
        Assert.Equal("The line is not valid JSON: unexpected Ctrl-Z (U+001A), at byte 1", messages[2]);
    }

    [Theory]
    [InlineData(512, true)]
    [InlineData(513, false)]
    public async Task A_custom_id_has_as_many_characters_as_people_count(int emoji, bool isTaken)
    {
        await using var plane = await StartAsync(fixture);

        var batch = await plane.PlannedAsync(Line(string.Concat(Enumerable.Repeat("\U0001F600", emoji))));

        Assert.Equal(isTaken ? BatchStatus.InProgress : BatchStatus.Failed, batch.Status);
    }

    [Fact]
    public async Task Metadata_counts_characters_and_leaves_out_pairs_that_are_null()
    {
        await using var plane = await StartAsync(fixture);
        string file = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>();
        string smiles = string.Concat(Enumerable.Repeat("\U0001F600", 512));
        var body = new JsonObject
        {
            ["input_file_id"] = file,
            ["endpoint"] = "/v1/infill",
            ["completion_window"] = "24h",
            ["metadata"] = new JsonObject { ["a"] = smiles, ["b"] = null },
        };

        var batch = await ReadAsync(await plane.Client.PostAsJsonAsync("/v1/batches", body));

        Assert.Equal(["a"], batch["metadata"]!.AsObject().Select(pair => pair.Key));
        Assert.Equal(smiles, batch["metadata"]!["a"]!.GetValue<string>());
    }

    [Theory]
    [InlineData("""{"seed":7.0,"hyperparameters":{"n_epochs":2e0,"batch_size":4.0}}""", true)]
    [InlineData("""{"seed":null,"hyperparameters":{"n_epochs":null,"batch_size":null,"lora":null},"method":null}""", true)]
    [InlineData("""{"seed":7.5}""", false)]
    [InlineData("""{"hyperparameters":{"n_epochs":"2"}}""", false)]
    public async Task Whole_numbers_of_a_job_may_have_a_fraction_of_zero_and_null_is_absent(string extra, bool isTaken)
    {
        await using var plane = await StartAsync(fixture);

        using var response = await FineTuning.Trainings.PostAsync(plane, extra: JsonNode.Parse(extra)!.AsObject());

        Assert.Equal(isTaken ? HttpStatusCode.OK : HttpStatusCode.BadRequest, response.StatusCode);
    }

    [Fact]
    public async Task Whole_numbers_of_a_schedules_job_may_have_a_fraction_of_zero()
    {
        await using var plane = await Scheduling.StartedAsync(fixture);
        await Scheduling.UploadAsync(plane, "in/a.jsonl");
        await Scheduling.CreatedAsync(
            plane, $$$"""{"job":{"model":"{{{Model}}}","seed":5.0,"hyperparameters":{"n_epochs":2.0}},"overlap":null}""");

        await Scheduling.FireAsync(plane);

        var job = await Scheduling.LastJobAsync(plane);
        Assert.Equal((5, 2), (job.Seed, job.Epochs));
    }

    [Theory]
    [InlineData("0 0 13 * 5", false)]
    [InlineData("0 0 1,15 * MON-FRI", false)]
    [InlineData("0 0 13 * *", true)]
    [InlineData("0 0 * * 5", true)]
    [InlineData("0 0 ? * 5", true)]
    [InlineData("@daily", true)]
    public async Task A_cron_expression_with_two_kinds_of_days_is_refused_with_the_reason(string cron, bool isTaken)
    {
        await using var plane = await Scheduling.StartedAsync(fixture);

        using var response = await Scheduling.PostAsync(plane, $$"""{"cron":"{{cron}}"}""");

        if (isTaken)
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        else
            Assert.Contains("POSIX runs on either day", await MessageAsync(response, HttpStatusCode.BadRequest), StringComparison.Ordinal);
    }

    internal static async Task<string> MessageAsync(HttpResponseMessage response, HttpStatusCode status)
    {
        Assert.Equal(status, response.StatusCode);
        return JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!["message"]!.GetValue<string>();
    }

    internal static Task<HttpResponseMessage> PostAsync(ControlPlane plane, string path, string body) =>
        plane.Client.PostAsync(path, new ByteArrayContent(Encoding.UTF8.GetBytes(body)));

    private static MultipartFormDataContent Form() =>
        new() { { new StringContent("batch"), "purpose" }, { new ByteArrayContent("{}"u8.ToArray()), "file", "a.jsonl" } };
}
