using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Batches.Checks;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Functions.Tests.Batches.Documents.Documenting;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;

namespace LLaDA.Batch.Functions.Tests.Batches;

public sealed class BatchCheckTests(StorageFixture fixture)
{
    [Fact]
    public async Task A_check_lists_all_faults_with_their_lines_and_creates_nothing()
    {
        await using var plane = await StartAsync(fixture);
        string lines = Line("a") + "\nnonsense\n" + Line("a") + "\n" + Line("b", model: "unknown") + "\n" + string.Concat(
            Enumerable.Range(1, 200).Select(index => Line($"x{index}", url: "/v1/score") + "\n"));
        string file = (await plane.UploadAsync(lines))["id"]!.GetValue<string>();

        var check = await CheckAsync(plane, file);
        var dry = await ReadAsync(await CreateAsync(plane, $$"""{"input_file_id":"{{file}}","dry_run":true}"""));

        Assert.False(check["valid"]!.GetValue<bool>());
        var faults = check["errors"]!["data"]!.AsArray();
        Assert.Equal(
            [(2, "invalid_json_line"), (3, "duplicate_custom_id"), (4, "model_not_found"), (5, "url_mismatch")],
            faults.Take(4).Select(fault => (fault!["line"]!.GetValue<int>(), fault["code"]!.GetValue<string>())));
        Assert.Equal(203, faults.Count);
        Assert.Null(check["estimate"]);
        Assert.True(JsonNode.DeepEquals(check, dry));
        Assert.Empty((await ReadAsync(await plane.Client.GetAsync("/v1/batches")))["data"]!.AsArray());
        Assert.Equal(0, await plane.CountAsync(StorageNames.PlanQueue));
    }

    [Fact]
    public async Task An_estimate_has_the_numbers_of_the_plan_and_a_price()
    {
        await using var plane = await StartAsync(fixture, ("Prices:PerHour:default", "36"), ("Prices:Currency", "EUR"));
        string lines = Lines(10, "[MASK:20]" + new string('x', 4 * 80 - 9 - 11));
        string file = (await plane.UploadAsync(lines))["id"]!.GetValue<string>();

        var estimate = (await CheckAsync(plane, file, """{"endpoint":"/v1/infill"}"""))["estimate"]!;

        Assert.Equal(10, estimate["lines"]!.GetValue<int>());
        Assert.Equal(200, estimate["output_tokens"]!.GetValue<long>());
        Assert.Equal(800, estimate["input_tokens"]!.GetValue<long>());
        Assert.Equal(200, estimate["passes"]!.GetValue<long>());
        Assert.Equal(10 * 100 * 20 / 1000.0, estimate["seconds"]!.GetValue<double>());
        Assert.True(estimate["speed_is_measured"]!.GetValue<bool>());
        Assert.Equal("""{"amount":0.2,"currency":"EUR"}""", estimate["cost"]!.ToJsonString());
        var planned = await plane.PlannedAsync(lines);
        Assert.Equal(1000, planned.EstimatedTokens);
    }

    [Fact]
    public async Task A_dry_run_over_a_folder_leaves_the_output_folder_empty()
    {
        await using var plane = await StartAsync(fixture);
        var container = await BoundAsync(plane);
        await UploadAsync(container, "in/a.txt", "a [MASK:2]");
        await UploadAsync(container, "in/b.txt", "finished");

        string folders = $$"""{"input_blobs":{{Folder("in")}},"output_blobs":{{Folder("out")}},"body":{"model":"{{Model}}"},""";
        var check = await ReadAsync(await CreateAsync(plane, folders + "\"dry_run\":true}"));

        Assert.True(check["valid"]!.GetValue<bool>());
        Assert.Equal(2, check["estimate"]!["lines"]!.GetValue<int>());
        Assert.Equal(2, await container.GetBlobsAsync().CountAsync());
    }

    [Theory]
    [InlineData("nonsense", null, HttpStatusCode.BadRequest, "endpoint")]
    [InlineData("", null, HttpStatusCode.BadRequest, "endpoint")]
    [InlineData("{}", """{"endpoint":"/v1/embeddings"}""", HttpStatusCode.BadRequest, "endpoint")]
    [InlineData("{}", """{"model":"m"}""", HttpStatusCode.BadRequest, "model")]
    public async Task A_check_that_makes_no_sense_is_refused_by_name(string content, string? body, HttpStatusCode status, string parameter)
    {
        await using var plane = await StartAsync(fixture);
        string file = (await plane.UploadAsync(content))["id"]!.GetValue<string>();

        await AssertErrorAsync(await PostAsync(plane, $"/v1/files/{file}/check", body), status, parameter);
    }

    [Fact]
    public async Task Only_inputs_of_batches_of_the_tenant_can_be_checked()
    {
        await using var plane = await StartAsync(fixture);
        string training = (await plane.UploadAsync("{}", "fine-tune"))["id"]!.GetValue<string>();
        string file = (await plane.UploadAsync(Lines(1)))["id"]!.GetValue<string>();
        using var other = await plane.NewClientAsync("other");

        await AssertErrorAsync(await PostAsync(plane, $"/v1/files/{training}/check"), HttpStatusCode.BadRequest, null);
        await AssertErrorAsync(await other.PostAsync($"/v1/files/{file}/check", null), HttpStatusCode.NotFound, null);
    }

    [Fact]
    public void Prices_must_be_numbers_of_at_least_zero()
    {
        Assert.Single(new PriceOptions { PerHour = new Dictionary<string, double> { ["default"] = -1 } }.Validate());
        Assert.Single(new PriceOptions { Currency = "" }.Validate());
        Assert.Empty(new PriceOptions { PerHour = new Dictionary<string, double> { ["default"] = 0 } }.Validate());
    }

    [Fact]
    public async Task Requests_in_the_body_are_kept_as_a_file_and_run_as_one()
    {
        await using var plane = await StartAsync(fixture);
        string requests = $$$"""
            [{"custom_id":"a","body":{"model":"{{{Model}}}","text":"x [MASK:1]"}},
             {"custom_id":"b","method":"POST","url":"/v1/infill","body":{"model":"{{{Model}}}","text":"é\n[MASK:2]"}}]
            """;

        var created = await ReadAsync(await CreateAsync(plane, $$"""{"requests":{{requests}}}"""));

        string file = created["input_file_id"]!.GetValue<string>();
        Assert.Equal(["a", "b"], (await plane.LinesAsync(file)).Select(line => JsonNode.Parse(line)!["custom_id"]!.GetValue<string>()));
        var batch = (await plane.Batches.FindAsync(Tenant, created["id"]!.GetValue<string>(), CancellationToken.None))!;
        await plane.PlanAsync(batch);
        Assert.Equal(2, (await plane.ReloadAsync(batch)).TotalLines);
        var dry = await ReadAsync(await CreateAsync(plane, $$"""{"requests":{{requests}},"dry_run":true}"""));
        Assert.Equal((true, 2), (dry["valid"]!.GetValue<bool>(), dry["estimate"]!["lines"]!.GetValue<int>()));
    }

    [Theory]
    [InlineData("[]", "requests", null)]
    [InlineData("{}", "requests", null)]
    [InlineData("[1]", "requests[0]", null)]
    [InlineData("""[{"body":{}}]""", "requests[0].custom_id", "missing_required_parameter")]
    [InlineData("""[GOOD,{"custom_id":"b","url":"/v1/score","body":{"model":"org/model:1"}}]""", "requests[1].url", "url_mismatch")]
    [InlineData("""[GOOD,{"custom_id":"b","body":{"model":"unknown"}}]""", "requests[1].body.model", "model_not_found")]
    [InlineData("""[GOOD,GOOD]""", "requests[1].custom_id", "duplicate_custom_id")]
    [InlineData("""[{"custom_id":"b"}]""", "requests[0].body", "invalid_body")]
    [InlineData("""[{"custom_id":"b","method":"GET","body":{}}]""", "requests[0].method", "invalid_method")]
    [InlineData("""[{"custom_id":"b","priority":1,"body":{}}]""", "requests[0].priority", "unknown_parameter")]
    [InlineData("""[GOOD],"input_file_id":"file-1" """, "requests", null)]
    public async Task Requests_that_cannot_run_are_refused_by_name_and_leave_nothing(string requests, string parameter, string? code)
    {
        await using var plane = await StartAsync(fixture);
        const string good = """{"custom_id":"a","body":{"model":"org/model:1","text":"[MASK:1]"}}""";
        requests = requests.Replace("GOOD", good, StringComparison.Ordinal);

        using var response = await CreateAsync(plane, $$"""{"requests":{{requests}}}""");

        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var error = JsonNode.Parse(await response.Content.ReadAsStringAsync())!["error"]!;
        Assert.Equal((parameter, code), (error["param"]?.GetValue<string>(), error["code"]?.GetValue<string>()));
        Assert.Empty((await ReadAsync(await plane.Client.GetAsync("/v1/files")))["data"]!.AsArray());
        Assert.Empty((await ReadAsync(await plane.Client.GetAsync("/v1/batches")))["data"]!.AsArray());
    }

    [Fact]
    public async Task A_thousand_requests_and_sixteen_megabytes_are_the_most()
    {
        await using var plane = await StartAsync(fixture);
        string Requests(int count, int bytes) => "[" + string.Join(',', Enumerable.Range(0, count).Select(index =>
            $$$"""{"custom_id":"{{{index}}}","body":{"model":"{{{Model}}}","text":"[MASK:1]{{{new string('x', bytes)}}}"}}""")) + "]";

        Assert.Equal(HttpStatusCode.OK, (await CreateAsync(plane, $$"""{"requests":{{Requests(1_000, 15_000)}}}""")).StatusCode);
        await AssertErrorAsync(
            await CreateAsync(plane, $$"""{"requests":{{Requests(1_001, 1)}}}"""), HttpStatusCode.BadRequest, "requests");
        await AssertErrorAsync(
            await CreateAsync(plane, $$"""{"requests":{{Requests(2, 8 << 20)}}}"""), HttpStatusCode.RequestEntityTooLarge, null);
    }

    private static async Task<JsonNode> CheckAsync(ControlPlane plane, string file, string? body = null) =>
        await ReadAsync(await PostAsync(plane, $"/v1/files/{file}/check", body));

    private static Task<HttpResponseMessage> CreateAsync(ControlPlane plane, string body) =>
        PostAsync(plane, "/v1/batches", """{"endpoint":"/v1/infill","completion_window":"24h",""" + body[1..]);

    private static async Task<HttpResponseMessage> PostAsync(ControlPlane plane, string path, string? body = null)
    {
        using var content = body is null ? null : new StringContent(body, Encoding.UTF8, "application/json");
        return await plane.Client.PostAsync(path, content);
    }
}
