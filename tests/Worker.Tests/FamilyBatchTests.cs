using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.Wire;
using static LLaDA.Batch.Worker.Tests.PlannedShards;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>Batches of every endpoint, run by a worker with a model of each family.</summary>
public sealed class FamilyBatchTests : IDisposable
{
    private static readonly Dictionary<string, object[]> s_lines = new()
    {
        [BatchEndpoint.Infill] =
        [
            new { model = TinyModel.Id, text = "the [MASK:3] fox jumps" },
            new { model = TinyModel.Id, text = "over [MASK:2] and [MASK:9].", temperature = 0.7, top_k = 5 },
        ],
        [BatchEndpoint.Completions] =
        [
            new { model = TinyModel.Id, prompt = "the quick brown fox jumps over the lazy dog and", max_tokens = 9 },
            new { model = TinyModel.Id, prompt = "the quick brown fox jumps over the lazy dog sleeps", max_tokens = 5, steps = 2 },
        ],
        [BatchEndpoint.ChatCompletions] =
        [
            new { model = TinyModel.Id, messages = new[] { new { role = "user", content = "the fox" } }, max_tokens = 12 },
        ],
        [BatchEndpoint.Score] =
        [
            new { model = TinyModel.Id, prompt = "the quick", completions = new[] { " brown fox", " dog" }, num_samples = 4 },
        ],
    };

    private readonly PlannedShards _planned;
    private readonly List<string> _folders = [];

    public FamilyBatchTests(StorageFixture fixture, TinyModel model) => _planned = new PlannedShards(fixture, model);

    public static TheoryData<string> Families => [.. TinyFamilies.Names];

    [Theory]
    [MemberData(nameof(Families))]
    public async Task Every_endpoint_answers_its_lines(string family)
    {
        string models = NewFolder(family);

        foreach (var (endpoint, lines) in s_lines)
        {
            var answers = await RunAsync(models, endpoint, lines);

            Assert.Equal(lines.Length, answers.Count);
            Assert.All(answers, answer => Assert.Equal(200, answer["response"]!["status_code"]!.GetValue<int>()));
            if (endpoint == BatchEndpoint.Infill)
                Assert.All(answers, answer => Assert.Equal(Context(family), Body(answer)["context"]!.GetValue<string>()));
        }
    }

    [Theory]
    [InlineData("LLaDA2", 8)]
    [InlineData("SDAR", 4)]
    public async Task Lines_that_begin_alike_share_their_blocks_and_their_answers_stay(string family, int blockLength)
    {
        string models = NewFolder(family);
        object[] lines = [.. Enumerable.Range(0, 5).Select(
            line => new { model = TinyModel.Id, prompt = $"the quick brown fox jumps over the lazy dog {line}", max_tokens = 6 })];

        var together = await RunAsync(models, BatchEndpoint.Completions, lines);

        int[] cached = [.. together.Select(answer => Body(answer)["usage"]!["prompt_tokens_details"]!["cached_tokens"]!.GetValue<int>())];
        Assert.Equal(0, cached[0]);
        Assert.All(cached[1..], numTokens => Assert.True(numTokens >= blockLength && numTokens % blockLength == 0));
        foreach (var (line, answer) in lines.Zip(together))
        {
            var alone = Assert.Single(await RunAsync(models, BatchEndpoint.Completions, [line]));
            Assert.Equal(Text(alone), Text(answer));
        }
    }

    public static TheoryData<string, string, (string Body, string Code)[]> Missing => new()
    {
        { "LLaDA2", BatchEndpoint.Infill, [("""{"text":"the [MASK] fox"}""", "gap_without_length")] },
        { "SDAR", BatchEndpoint.Infill, [("""{"text":"the [MASK:1] fox [MASK]"}""", "gap_without_length")] },
        {
            "SDAR", BatchEndpoint.Completions,
            [
                ("""{"suffix":"fox"}""", "unsupported_parameter"),
                ("""{"editing_threshold":0.5}""", "unsupported_parameter"),
                ("""{"cache":"dual"}""", "unsupported_parameter"),
                ("""{"remasking":"entropy"}""", "invalid_value"),
            ]
        },
        {
            "LLaDA2", BatchEndpoint.Completions,
            [
                ("""{"confidence_eos_eot_inf":true}""", "unsupported_parameter"),
                ("""{"max_post_steps":2}""", "invalid_value"),
                ("""{"block_length":65}""", "unsupported_parameter"),
            ]
        },
        {
            "Dream", BatchEndpoint.Completions,
            [
                ("""{"editing_threshold":0.5}""", "unsupported_parameter"),
                ("""{"alg":"origin","remasking":"entropy"}""", "invalid_parameter_combination"),
                ("""{"alg":"origin","alg_temp":0.5}""", "invalid_value"),
                ("""{"threshold":0.5}""", "invalid_value"),
            ]
        },
        {
            "LLaDA-MoE", BatchEndpoint.Completions,
            [("""{"alg":"origin"}""", "unknown_parameter"), ("""{"remasking":"sequential"}""", "invalid_value")]
        },
    };

    [Theory]
    [MemberData(nameof(Missing))]
    public async Task A_parameter_that_the_family_does_not_have_fails_its_line_alone(
        string family, string endpoint, (string Body, string Code)[] lines)
    {
        object[] bodies = [.. lines.Select(line => (object)Line(line.Body))];

        var answers = await RunAsync(NewFolder(family), endpoint, [.. bodies, .. s_lines[endpoint][..1]]);

        Assert.Equal(
            lines.Select(line => line.Code),
            answers[..lines.Length].Select(answer => Body(answer)["error"]!["code"]!.GetValue<string>()));
        Assert.Equal(200, answers[^1]["response"]!["status_code"]!.GetValue<int>());
    }

    public static TheoryData<string, string[]> Parameters => new()
    {
        {
            "LLaDA2",
            [
                """{"editing_threshold":0.01,"max_post_steps":2}""",
                """{"remasking":"low_confidence_static","steps":2,"block_length":16}""",
            ]
        },
        {
            "SDAR",
            [
                """{"remasking":"low_confidence_dynamic","threshold":0.3}""",
                """{"remasking":"sequential"}""",
                """{"remasking":"entropy_bounded","eb_threshold":4}""",
            ]
        },
        {
            "Dream",
            [
                """{"alg":"maskgit_plus","alg_temp":0.2,"temperature":0.5,"top_p":0.9}""",
                """{"alg":"origin","steps":4,"eps":0.01}""",
                """{"remasking":"topk_margin"}""",
                """{"remasking":"low_confidence","threshold":0.1,"block_length":4,"cache":"dual","cache_refresh":2}""",
            ]
        },
    };

    [Theory]
    [MemberData(nameof(Parameters))]
    public async Task Each_family_has_the_parameters_of_its_reference(string family, string[] lines)
    {
        var answers = await RunAsync(NewFolder(family), BatchEndpoint.Completions, [.. lines.Select(Line)]);

        Assert.All(answers, answer => Assert.Equal(200, answer["response"]!["status_code"]!.GetValue<int>()));
    }

    public void Dispose()
    {
        _planned.Dispose();
        _folders.ForEach(folder => Directory.Delete(folder, recursive: true));
    }

    private static string Context(string family) => family is "LLaDA2" or "SDAR" ? "before" : "both";

    private static JsonNode Line(string parameters)
    {
        var line = JsonNode.Parse(parameters)!;
        line["model"] = TinyModel.Id;
        if (line["text"] is null)
            (line["prompt"], line["max_tokens"]) = ("the quick", 9);
        return line;
    }

    private static JsonNode Body(JsonNode answer) => answer["response"]!["body"]!;

    private static string Text(JsonNode answer) => Body(answer)["choices"]![0]!["text"]!.GetValue<string>();

    private string NewFolder(string family)
    {
        string folder = TinyFamilies.Create(family);
        _folders.Add(folder);
        return folder;
    }

    /// <returns>The answers, in the order of the lines.</returns>
    private async Task<List<JsonNode>> RunAsync(string models, string endpoint, object[] lines)
    {
        var (runner, storage, batch) = await _planned.CreateAsync([lines], modelsPath: models, endpoint: endpoint);
        await runner.RunAsync(Message(batch, 0), CancellationToken.None);
        var part = await Blobs(storage, batch).Parts.ReadAsync(0, CancellationToken.None);
        _planned.Dispose();
        return [.. part.OrderBy(line => line.Line).Select(line => JsonNode.Parse(line.Json)!)];
    }
}
