using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;
using Microsoft.Extensions.DependencyInjection;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Http;

/// <summary>Input of a size or in a state that no client of good will sends: it is refused with words, and nothing of it is left.</summary>
public sealed class BadInputTests(StorageFixture fixture)
{
    private const string PartHead = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\nhalf of it";

    [Theory]
    [InlineData("Content-Length: 76", PartHead, false)]
    [InlineData("Content-Length: 18", "--b\r\nContent-Dispo", false)]
    [InlineData("Content-Length: 58", "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbat", false)]
    [InlineData("Transfer-Encoding: chunked", "5\r\n--b\r\n\r\n0\r\n\r\n", false)]
    [InlineData("Content-Length: 1000000", PartHead, true)]
    [InlineData("Transfer-Encoding: chunked", "5\r\n--b\r\n\r\n", true)]
    public async Task An_upload_that_ends_early_is_refused_and_leaves_nothing_behind(string length, string body, bool isCut)
    {
        await using var plane = await StartAsync(fixture);

        string answer = await SendAsync(plane, length, body, isCut);

        if (!isCut)     // else nobody is there to be told
            Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
        Assert.Empty((await ReadAsync(await plane.Client.GetAsync("/v1/files")))["data"]!.AsArray());
        Assert.Empty(await plane.Storage.Container(StorageNames.FilesContainer).GetBlobsAsync().ToListAsync());
    }

    [Fact]
    public async Task An_upload_that_says_that_it_is_too_large_is_refused_before_it_comes()
    {
        await using var plane = await StartAsync(fixture);

        string answer = await SendAsync(plane, $"Content-Length: {new ServiceLimits().MaxRequestBytes + 1}", "", isCut: false);

        Assert.StartsWith("HTTP/1.1 413 ", answer, StringComparison.Ordinal);
        Assert.Contains("A file may have at most 209715200 bytes", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_JSON_body_without_end_is_refused()
    {
        await using var plane = await StartAsync(fixture);
        using var body = new StringContent($$"""{"url":"{{new string('x', 1 << 20)}}"}""");

        await AssertErrorAsync(await plane.Client.PostAsync("/v1/webhook_endpoints", body), HttpStatusCode.RequestEntityTooLarge, null);
    }

    [Fact]
    public async Task A_line_of_ten_megabytes_is_planned_and_one_above_the_limit_is_named()
    {
        await using var plane = await StartAsync(fixture);
        string longest = Line("b", new string('x', 10_000_000) + " [MASK:1]");

        var planned = await plane.PlannedAsync($"{Line("a")}\n{longest}\n{Line("c")}");
        var refused = await plane.PlannedAsync($"{Line("a")}\n{Line("b", new string('x', 10 << 20))}\n{Line("c")}");

        Assert.Equal((BatchStatus.InProgress, 3), (planned.Status, planned.TotalLines));
        Assert.Equal(("line_too_long", 2), FaultOf(refused));
    }

    [Fact]
    public async Task A_line_that_asks_for_more_tokens_than_can_be_counted_is_planned_like_any_other()
    {
        await using var plane = await StartAsync(fixture);
        string gaps = string.Concat(Enumerable.Repeat("[MASK:1048576]", 2048));

        var planned = await plane.PlannedAsync($"{Line("a")}\n{Line("b", gaps)}\n{Line("c")}");

        Assert.Equal((BatchStatus.InProgress, 3), (planned.Status, planned.TotalLines));
    }

    /// <summary>What a batch failed for is kept in a row, which takes 32 K characters.</summary>
    [Theory]
    [InlineData("url_mismatch")]
    [InlineData("model_not_found")]
    [InlineData("duplicate_custom_id")]
    public async Task Faults_are_told_however_long_the_lines_are_that_they_quote(string code)
    {
        await using var plane = await StartAsync(fixture);
        string endless = new('\u0001', 5_000);      // of which seven would be more than the row takes
        string line = code switch
        {
            "url_mismatch" => Line("b", url: endless),
            "model_not_found" => Line("b", model: endless),
            _ => Line(new string('\u0001', 512)),
        };

        var batch = await plane.PlannedAsync(string.Concat(Enumerable.Repeat(line + "\n", 150)));

        Assert.Equal(BatchStatus.Failed, batch.Status);
        var faults = JsonNode.Parse(batch.Errors!)!.AsArray();
        Assert.Equal((code, "too_many_errors"), (faults[^2]!["code"]!.GetValue<string>(), faults[^1]!["code"]!.GetValue<string>()));
        Assert.InRange(faults.Count, 20, 101);
    }

    [Theory]
    [InlineData("""{"NAME":1}""", "line 1: 'nnn")]
    [InlineData("""{"messages":[{"role":"NAME","content":"a"}]}""", "line 1: message 1: role is 'nnn")]
    public async Task A_training_line_is_named_however_long_its_names_are(string line, string fault)
    {
        await using var plane = await StartAsync(fixture);

        var job = await FineTuning.Trainings.PlannedAsync(
            plane, string.Concat(Enumerable.Repeat(line.Replace("NAME", new string('n', 100_000), StringComparison.Ordinal) + "\n", 30)));

        Assert.Equal((FineTuningStatus.Failed, "invalid_training_file"), (job.Status, job.ErrorCode));
        Assert.StartsWith(fault, job.ErrorMessage, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/v1/batches")]
    [InlineData("/v1/fine_tuning/jobs")]
    [InlineData("/v1/schedules")]
    public async Task Metadata_over_its_limits_is_refused_everywhere_and_at_its_limits_kept(string path)
    {
        await using var plane = await Schedules.Scheduling.StartedAsync(fixture);
        async Task<HttpResponseMessage> PostAsync(JsonNode metadata)
        {
            var body = path switch
            {
                "/v1/batches" => new JsonObject
                    { ["input_file_id"] = (await plane.UploadAsync(Lines(1)))["id"]!.DeepClone(),
                    ["endpoint"] = "/v1/infill", ["completion_window"] = "24h" },
                "/v1/schedules" => Schedules.Scheduling.Body(),
                _ => new JsonObject
                    { ["model"] = Model,
                    ["training_file"] = await FineTuning.Trainings.UploadAsync(plane, FineTuning.Trainings.Examples(1)) },
            };
            body["metadata"] = metadata;
            return await plane.Client.PostAsJsonAsync(path, body);
        }

        foreach (var metadata in new JsonNode[]
            { Pairs(17, 1, 1), Pairs(1, 65, 1), Pairs(1, 1, 513), Pairs(16, 64, 512, '\u0001'),
            JsonValue.Create("text"), new JsonArray(), new JsonObject { ["a"] = 1 } })
            await AssertErrorAsync(await PostAsync(metadata), HttpStatusCode.BadRequest, "metadata");
        var kept = await ReadAsync(await PostAsync(Pairs(16, 64, 512)));
        var withNull = await ReadAsync(await PostAsync(new JsonObject { ["a"] = null, ["b"] = "c" }));

        Assert.Equal(Pairs(16, 64, 512).ToJsonString(), kept["metadata"]!.ToJsonString());
        Assert.Equal("""{"b":"c"}""", withNull["metadata"]!.ToJsonString());
    }

    [Fact]
    public async Task Blanks_between_metadata_are_not_kept()
    {
        await using var plane = await StartAsync(fixture);
        string file = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>();
        string blanks = new(' ', 100_000);
        using var body = new StringContent($$$"""
            {"input_file_id":"{{{file}}}","endpoint":"/v1/infill","completion_window":"24h","metadata":{"a":{{{blanks}}}"b"}}
            """);

        Assert.Equal("""{"a":"b"}""", (await ReadAsync(await plane.Client.PostAsync("/v1/batches", body)))["metadata"]!.ToJsonString());
    }

    [Fact]
    public async Task A_model_with_a_name_without_end_does_not_exist()
    {
        await using var plane = await StartAsync(fixture);
        string endless = new('m', 2_000);

        await AssertErrorAsync(await plane.Client.GetAsync($"/v1/models/{endless}"), HttpStatusCode.NotFound, null);
        await AssertErrorAsync(
            await FineTuning.Trainings.PostAsync(plane, extra: new() { ["model"] = endless }), HttpStatusCode.BadRequest, "model");
    }

    [Fact]
    public async Task A_failure_of_the_server_is_told_in_OpenAIs_envelope_with_a_time_to_wait()
    {
        await using var plane = await StartAsync(
            fixture, services => services.AddSingleton<BatchQuota>(_ => throw new InvalidOperationException("a word of the inside")));
        string file = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>();

        using var response = await plane.Client.PostAsJsonAsync(
            "/v1/batches", new { input_file_id = file, endpoint = "/v1/infill", completion_window = "24h" });

        string body = await response.Content.ReadAsStringAsync();
        Assert.True(response.Headers.RetryAfter!.Delta > TimeSpan.Zero);
        Assert.Contains(response.Headers.GetValues("x-request-id").Single(), body, StringComparison.Ordinal);
        Assert.DoesNotContain("inside", body, StringComparison.Ordinal);
        await AssertErrorAsync(response, HttpStatusCode.InternalServerError, null);
    }

    private static JsonObject Pairs(int count, int key, int value, char letter = 'ü') =>
        new(Enumerable.Range(0, count)
            .Select(index => KeyValuePair.Create($"{index:x}".PadRight(key, letter), (JsonNode?)new string(letter, value))));

    private static (string Code, int Line) FaultOf(BatchRecord batch)
    {
        var fault = Assert.Single(JsonNode.Parse(batch.Errors!)!.AsArray())!;
        return (fault["code"]!.GetValue<string>(), fault["line"]!.GetValue<int>());
    }

    /// <summary>Sends what it is given and no more, and reads the answer to its end.</summary>
    private static async Task<string> SendAsync(ControlPlane plane, string length, string body, bool isCut)
    {
        using var socket = new TcpClient();
        await socket.ConnectAsync(plane.Client.BaseAddress!.Host, plane.Client.BaseAddress.Port);
        string head =
            "POST /v1/files HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: "
            + $"{plane.Client.DefaultRequestHeaders.Authorization}\r\nContent-Type: multipart/form-data; boundary=b\r\n{length}\r\n\r\n";
        var stream = socket.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(head + body));
        if (isCut)
            socket.Client.Shutdown(SocketShutdown.Send);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }
}
