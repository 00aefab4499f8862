using System.Text;
using System.Text.Json.Nodes;
using static LLaDA.Batch.Functions.Tests.ControlPlane;

namespace LLaDA.Batch.Functions.Tests.Http;

/// <summary>An error quotes at most 200 characters of a request, wherever the request is long.</summary>
public sealed class QuotedTextTests(StorageFixture fixture)
{
    private const int MaxQuoted = 200;
    private const char Letter = 'Q';

    private static readonly string s_long = new(Letter, 3_000);

    private static readonly (string Path, string Body)[] s_bodies =
    [
        ("/v1/batches", """
            {"input_file_id":"file-0","endpoint":"/v1/infill","completion_window":"24h","metadata":{"a":"b"},
             "output_expires_after":{"anchor":"created_at","seconds":3600}}
            """),
        ("/v1/batches", """
            {"endpoint":"/v1/infill","completion_window":"24h","input_blobs":{"container":"a","prefix":"b"},
             "output_blobs":{"url":"https://a.blob.core.windows.net/c/d?sig=e"},"body":{"model":"m"}}
            """),
        ("/v1/fine_tuning/jobs", """
            {"model":"org/model:1","training_file":"file-0","validation_file":"file-1","suffix":"s",
             "method":{"type":"supervised","supervised":{"hyperparameters":{"n_epochs":"auto","long_examples":"cut","lora":{"rank":2},
             "noise":{"min":0.1,"max":0.9}}}},"integrations":[{"type":"wandb"}]}
            """),
        ("/v1/schedules", """
            {"cron":"0 2 * * *","time_zone":"Europe/Berlin","start_from":"last_result","missed":"latest","overlap":"skip",
             "training_data":{"container":"letters","prefix":"p/","select":"new"},
             "job":{"model":"org/model:1","method":{"type":"supervised"}}}
            """),
        ("/v1/webhook_endpoints", """{"url":"https://a.example/b","name":"n","events":["batch.completed"]}"""),
    ];

    [Fact]
    public async Task Of_a_path_or_a_query()
    {
        await using var plane = await StartAsync(fixture);
        string[] lists = ["batches", "files", "fine_tuning/jobs", "schedules", "webhook_endpoints", "models"];
        string[] paths = [
            $"/v1/{s_long}", $"/v1/batches/{s_long}/parts", $"/{s_long}", .. lists.Select(list => $"/v1/{list}/{s_long}"),
            .. lists[..4].SelectMany(list => new[] { "after", "limit", "order" }.Select(name => $"/v1/{list}?{name}={s_long}"))];

        foreach (string path in paths)
            await AssertShortAsync(await plane.Client.GetAsync(path), path);
        await AssertShortAsync(await plane.Client.DeleteAsync($"/v1/models/{s_long}"), "DELETE of a model");
        await AssertShortAsync(await plane.Client.PostAsync($"/v1/batches/{s_long}/cancel", null), "cancel");
    }

    [Fact]
    public async Task Of_each_string_and_of_an_unknown_name_in_each_object_of_a_body()
    {
        await using var plane = await StartAsync(fixture);
        foreach (var (path, text) in s_bodies)
        {
            foreach (string changed in Changed(JsonNode.Parse(text)!))
            {
                using var body = new StringContent(changed, Encoding.UTF8, "application/json");
                await AssertShortAsync(await plane.Client.PostAsync(path, body), changed.Replace(s_long, "LONG", StringComparison.Ordinal));
            }
        }
    }

    [Theory]
    [InlineData("purpose", "LONG")]
    [InlineData("LONG", "a")]
    [InlineData("expires_after", "{\"LONG\":1}")]
    [InlineData("expires_after[anchor]", "LONG")]
    public async Task Of_a_field_of_a_form(string name, string value)
    {
        await using var plane = await StartAsync(fixture);
        string With(string text) => text.Replace("LONG", s_long[..900], StringComparison.Ordinal);
        using var form = new MultipartFormDataContent
        {
            { new StringContent(With(value)), With(name) },
            { new StringContent("a"), "file", "a.jsonl" },
        };

        await AssertShortAsync(await plane.Client.PostAsync("/v1/files", form), name);
    }

    /// <summary>The body with each string replaced in turn, and with a further name in each object in turn.</summary>
    private static IEnumerable<string> Changed(JsonNode body)
    {
        foreach (string path in Nodes(body).Select(node => node.GetPath()).ToList())
        {
            var copy = body.DeepClone();
            var node = Nodes(copy).Single(found => found.GetPath() == path);
            if (node is JsonObject parent)
                parent[s_long] = 1;
            else if (node is JsonValue value && value.GetValueKind() == System.Text.Json.JsonValueKind.String)
                value.ReplaceWith(s_long);
            else
                continue;
            yield return copy.ToJsonString();
        }
    }

    private static IEnumerable<JsonNode> Nodes(JsonNode node) => node switch
    {
        JsonObject parent => parent.SelectMany(property => Nodes(property.Value!)).Prepend(parent),
        JsonArray list => list.SelectMany(element => Nodes(element!)).Prepend(list),
        _ => [node],
    };

    private static async Task AssertShortAsync(HttpResponseMessage response, string what)
    {
        using (response)
        {
            string answer = await response.Content.ReadAsStringAsync();
            Assert.True((int)response.StatusCode is >= 400 and < 500, $"{what}: {(int)response.StatusCode} {answer}");
            Assert.True(answer.Count(letter => letter == Letter) <= MaxQuoted, $"{what}: {answer}");
        }
    }
}
