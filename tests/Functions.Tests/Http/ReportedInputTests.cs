using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.Tests.Schedules;
using LLaDA.Batch.Shared.Batches;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.Files.FilesApiTests;
using static LLaDA.Batch.Functions.Tests.Http.RequestInputTests;

namespace LLaDA.Batch.Functions.Tests.Http;

/// <summary>Input from public bug reports of other projects; each test names its source.</summary>
public sealed class ReportedInputTests(StorageFixture fixture)
{
    // github.com/mkht/PSOpenAI/issues/19: a batch file that a shell on Windows saved as UTF-16 (github.com/wardi/jsonlines/issues/95 as
    // well)
    [Theory]
    [InlineData(true, "it is not UTF-8: it begins with the byte order mark of another encoding")]
    [InlineData(false, "unexpected NUL (U+0000), at byte 2")]
    public async Task A_batch_file_in_UTF_16_is_refused_with_its_encoding(bool hasMark, string reason)
    {
        await using var plane = await StartAsync(fixture);
        byte[] text = Encoding.Unicode.GetBytes(Line("a"));

        var batch = await plane.CreatedAsync(hasMark ? [0xFF, 0xFE, .. text] : text);
        await plane.PlanAsync(batch);

        Assert.Equal($"The line is not valid JSON: {reason}", FirstError(await plane.ReloadAsync(batch)));
    }

    // github.com/wbolster/jsonlines/issues/68 and github.com/viggy28/recall/issues/38: JSON Lines with a byte order mark, here of joined
    // files
    [Fact]
    public async Task Joined_batch_files_with_byte_order_marks_are_planned()
    {
        await using var plane = await StartAsync(fixture);

        var batch = await plane.PlannedAsync($"\uFEFF{Line("a")}\r\n\uFEFF{Line("b")}\r\n");

        Assert.Equal((BatchStatus.InProgress, 2), (batch.Status, batch.TotalLines));
    }

    // github.com/vercel/ai/issues/18223: retention as a flat field, which dropped in silence keeps a file for ever
    [Theory]
    [InlineData("expires_after", "604800", "expires_after")]
    [InlineData("expires_after.anchor", "created_at", "expires_after.anchor")]
    [InlineData("expires_after", "[object Object]", "expires_after")]
    public async Task Retention_in_a_form_that_means_nothing_is_refused(string name, string value, string param)
    {
        await using var plane = await StartAsync(fixture);
        using var form = new MultipartFormDataContent { { new StringContent("batch"), "purpose" }, { new StringContent(value), name } };
        form.Add(new ByteArrayContent([1]), "file", "a");

        await AssertErrorAsync(await plane.Client.PostAsync("/v1/files", form), HttpStatusCode.BadRequest, param);
    }

    // github.com/anthropics/claude-code/issues/56064 and github.com/miurla/morphic/issues/927: a text that was cut in the middle of an
    // emoji
    [Fact]
    public async Task A_text_that_was_cut_inside_an_emoji_is_refused_with_the_place()
    {
        await using var plane = await StartAsync(fixture);

        using var response = await PostAsync(plane, "/v1/batches", """{"endpoint":"/v1/infill","metadata":{"note":"🌤💼\ud83d…"}}""");

        Assert.Equal(
            "The body is not valid JSON: a string has an unpaired surrogate escape (\\ud800-\\udfff), at byte 45",
            await MessageAsync(response, HttpStatusCode.BadRequest));
    }

    // github.com/josiahcarlson/parse-crontab/issues/49 and github.com/mtdowling/cron-expression/issues/131: 3 days a year or 61
    // github.com/cronitorio/cronitor-kubernetes/issues/42: a step of all days counts as all days
    [Theory]
    [InlineData("0 0 13 * 5", "ambiguous_cron")]
    [InlineData("0 16 4 * fri", "ambiguous_cron")]
    [InlineData("0 0 */2 * 3", null)]
    public async Task Both_days_of_a_cron_expression(string cron, string? code)
    {
        await using var plane = await Scheduling.StartedAsync(fixture);

        using var response = await Scheduling.PostAsync(plane, $$"""{"cron":"{{cron}}"}""");

        var answer = JsonNode.Parse(await response.Content.ReadAsStringAsync())!;
        Assert.Equal(code, answer["error"]?["code"]!.GetValue<string>());
    }

    // github.com/letsencrypt/boulder/issues/858, github.com/cloudflare/privacypass-issuer/issues/16: HEAD is GET without the body
    [Fact]
    public async Task HEAD_has_the_headers_of_GET()
    {
        await using var plane = await StartAsync(fixture);
        string id = (await plane.UploadAsync("{}\n"))["id"]!.GetValue<string>();

        using var get = await plane.Client.GetAsync($"/v1/files/{id}/content");
        using var head = await plane.Client.SendAsync(new HttpRequestMessage(HttpMethod.Head, $"/v1/files/{id}/content"));

        Assert.Equal(get.Content.Headers.ToString(), head.Content.Headers.ToString());
        Assert.Equal(get.Headers.ETag, head.Headers.ETag);
    }

    // github.com/dmtrKovalenko/fff/issues/326 and github.com/block/ftl/pull/4874: 30.0 is whole, 30.5 is not
    [Theory]
    [InlineData("30.0", HttpStatusCode.OK)]
    [InlineData("3e1", HttpStatusCode.OK)]
    [InlineData("30.5", HttpStatusCode.BadRequest)]
    public async Task A_number_that_a_serializer_wrote_with_a_fraction(string epochs, HttpStatusCode status)
    {
        await using var plane = await StartAsync(fixture);
        var extra = JsonNode.Parse($$$"""{"hyperparameters":{"n_epochs":{{{epochs}}}}}""")!.AsObject();

        using var response = await FineTuning.Trainings.PostAsync(plane, extra: extra);

        Assert.Equal(status, response.StatusCode);
    }

    // github.com/mrwogu/factory-droid-openai/pull/39 and github.com/elastic/elasticsearch/issues/20241: the last of two values won in
    // silence
    [Fact]
    public async Task A_name_that_comes_twice_is_refused_at_any_depth()
    {
        await using var plane = await StartAsync(fixture);
        const string body = """
            {"model":"m","training_file":"f",
             "method":{"type":"supervised","supervised":{"hyperparameters":{"n_epochs":1,"n_epochs":2}}}}
            """;

        using var response = await PostAsync(plane, "/v1/fine_tuning/jobs", body);

        Assert.Contains(
            "the name 'n_epochs' comes twice", await MessageAsync(response, HttpStatusCode.BadRequest), StringComparison.Ordinal);
    }

    // github.com/nlohmann/json/issues/5530 and github.com/nlohmann/json/issues/1095: all behind a NUL was dropped in silence
    [Fact]
    public async Task NULs_behind_the_last_line_are_named()
    {
        await using var plane = await StartAsync(fixture);

        var batch = await plane.PlannedAsync(Line("a") + "\n\0\0\0\0");

        Assert.Equal("The line is not valid JSON: unexpected NUL (U+0000), at byte 1", FirstError(batch));
    }

    // github.com/samchon/typia/issues/2046 and github.com/hapijs/joi/issues/1675: limits of characters counted UTF-16 units
    [Theory]
    [InlineData(64, HttpStatusCode.OK)]
    [InlineData(65, HttpStatusCode.BadRequest)]
    public async Task A_key_of_metadata_counts_an_emoji_as_one(int count, HttpStatusCode status)
    {
        await using var plane = await StartAsync(fixture);
        var extra = new JsonObject { ["metadata"] = new JsonObject { [string.Concat(Enumerable.Repeat("😊", count))] = "a" } };

        using var response = await FineTuning.Trainings.PostAsync(plane, extra: extra);

        Assert.Equal(status, response.StatusCode);
    }

    private static string FirstError(BatchRecord batch) => JsonNode.Parse(batch.Errors!)![0]!["message"]!.GetValue<string>();
}
