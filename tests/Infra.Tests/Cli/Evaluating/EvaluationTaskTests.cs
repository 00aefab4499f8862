using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Batch.Cli.Evaluating;
using LLaDA.Batch.Cli.Terminal;

namespace LLaDA.Batch.Infra.Tests.Cli.Evaluating;

public sealed class EvaluationTaskTests : IDisposable
{
    private const string Choice = """{"task":"t","kind":"choice","body":{"num_samples":4}}""";
    private const string Generate = """{"task":"t","kind":"generate","shots":1,"separator":"|","extract":"#([0-9,]+)"}""";

    private static readonly JsonSerializerOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _folder = Directory.CreateTempSubdirectory("llada-task-").FullName;

    [Fact]
    public void A_choice_is_scored_behind_its_prompt_and_the_options_of_the_command_come_last()
    {
        var task = Read(
            Choice, """{"prompt":"a","choices":[" b"," c"],"right":1}""", """{"prompts":["x","y"],"completion":" z","right":0}""");

        var requests = Requests(task, new() { ["num_samples"] = JsonElement.Parse("7"), ["seed"] = JsonElement.Parse("1") });

        static string Request(string id, string body) =>
            $$$"""{"custom_id":"{{{id}}}","method":"POST","url":"/v1/score","body":{{{{body}}},"model":"m","num_samples":7,"seed":1}}""";
        Assert.Equal(
            [
                Request("0.0", "\"prompt\":\"a\",\"completions\":[\" b\",\" c\"]"),
                Request("1.0", "\"prompt\":\"x\",\"completions\":[\" z\"]"),
                Request("1.1", "\"prompt\":\"y\",\"completions\":[\" z\"]"),
            ],
            requests);
    }

    [Theory]
    [InlineData(false, "/v1/completions", """{"prompt":"1+1= 2|2+2=","model":"m"}""")]
    [InlineData(true, "/v1/chat/completions", """{"messages":[{"role":"user","content":"1+1= 2|2+2="}],"model":"m"}""")]
    public void Examples_stand_before_a_question(bool isChat, string endpoint, string body)
    {
        string header = isChat ? Generate.Replace("\"shots\"", "\"chat\":true,\"shots\"", StringComparison.Ordinal) : Generate;
        var task = Read(
            header, """{"example":true,"prompt":"1+1=","answer":" 2"}""", """{"example":true,"prompt":"9+9=","answer":" 18"}""",
            """{"prompt":"2+2=","answer":"4"}""");

        var request = JsonNode.Parse(Assert.Single(Requests(task)))!;

        Assert.Equal((endpoint, body), (request["url"]!.GetValue<string>(), request["body"]!.ToJsonString(s_plain)));
    }

    [Fact]
    public void The_most_probable_choice_counts_once_as_a_sum_and_once_by_byte()
    {
        var task = Read(
            Choice, """{"group":"g","prompt":"a","choices":[" long one"," b"],"right":0}""",
            """{"prompt":"a","choices":["b","c"],"right":[0,1]}""", """{"prompts":["x","y"],"completion":" z","right":1}""",
            """{"prompt":"a","choices":["b","c"],"right":0}""");
        QuestionResult[] results =
        [
            QuestionResult.Of(task, 0, [Scores(-8, -2)]),       // 9 bytes and 2 bytes
            QuestionResult.Of(task, 1, [Scores(-1, -2)]),
            QuestionResult.Of(task, 2, [Scores(-3), Scores(-3 + Math.Log(3))]),
            QuestionResult.Of(task, 3, [null]),
        ];

        Assert.Equal([false, true, true, false], results.Select(result => result.IsRight));
        Assert.Equal([true, true, true, false], results.Select(result => result.ByByte!.Value));
        Assert.Equal(1, results[1].Mass!.Value, 1e-12);
        Assert.Equal(0.75, results[2].Mass!.Value, 1e-12);
        TaskScore[] scores = [.. TaskScore.Of(task, results)];
        Assert.Equal(
            [(null, "accuracy", 0.5, 4, 1), (null, "accuracy by byte", 0.75, 4, 1), (null, "mass", scores[2].Score, 3, 1),
                ("g", "accuracy", 0, 1, 0), ("g", "accuracy by byte", 1, 1, 0)],
            scores.Select(score => (score.Group, score.Metric, score.Score, score.N, score.Unanswered)));
        Assert.InRange(scores[0].Low, 0.14, 0.16);     // Wilson's of 2 in 4
    }

    [Theory]
    [InlineData("It is #1,234 and then #2,000", "2,000", true)]
    [InlineData("#2000.", "2000", true)]
    [InlineData("2000", null, false)]
    [InlineData("#3", "3", false)]
    public void A_written_answer_is_what_the_expression_finds_last(string written, string? answer, bool isRight)
    {
        var task = Read(
            Generate, """{"example":true,"prompt":"p","answer":"1"}""", """{"prompt":"p","answer":["2,000","two thousand"]}""");
        var response = JsonSerializer.SerializeToElement(new { choices = new[] { new { text = written } } });

        var result = QuestionResult.Of(task, 0, [response]);

        Assert.Equal((answer, isRight), (result.Answer, result.IsRight));
    }

    [Theory]
    [InlineData("""{"task":"t","kind":"riddle"}""", """{"prompt":"a","choices":["b","c"],"right":0}""", "Line 1")]
    [InlineData("""{"task":"t","kind":"choice","extract":"a"}""", """{"prompt":"a","choices":["b","c"],"right":0}""", "\"extract\"")]
    [InlineData("""{"task":"t","kind":"generate","extract":"("}""", """{"prompt":"a","answer":"b"}""", "no regular expression")]
    [InlineData("""{"task":"t","kind":"choice","body":{"model":"m"}}""", """{"prompt":"a","choices":["b","c"],"right":0}""", "\"model\"")]
    [InlineData("""{"task":"t","kind":"choice","shots":2}""", """{"prompt":"a","choices":["b","c"],"right":0}""", "has 0 examples")]
    [InlineData(Choice, """{"prompt":"a","choices":["b"],"right":0}""", "Line 2 of task.jsonl: a question needs two choices")]
    [InlineData(Choice, """{"prompt":"a","choices":["b",""],"right":0}""", "must not be empty")]
    [InlineData(Choice, """{"prompt":"a","choices":["b","c"],"right":2}""", "from 0 to 1")]
    [InlineData(Choice, """{"prompt":"a","choices":["b","c"]}""", "\"right\" must name")]
    [InlineData(Choice, """{"prompt":"a","choices":["b","c"],"answer":"b"}""", "\"right\" is the index")]
    [InlineData(Choice, """{"prompt":"a","prompts":["b","c"],"right":0}""", "\"completion\"")]
    [InlineData(Choice, """{"prompt":"a","choises":["b","c"],"right":0}""", "choises")]
    [InlineData(Choice, """{"example":true,"prompt":"a","choices":["b","c"],"right":0}""", "has no questions")]
    [InlineData("""{"task":"t","kind":"generate"}""", """{"prompt":"a"}""", "\"answer\" must be")]
    public void A_wrong_line_is_named_before_anything_is_asked(string header, string question, string sentence)
    {
        var error = Assert.Throws<OperatorException>(() => Read(header, question));

        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string[] Requests(EvaluationTask task, Dictionary<string, JsonElement>? changes = null) =>
        [.. TaskRequests.Write(task, "m", changes ?? []).Where(line => !line.Contains("\"num_samples\":4", StringComparison.Ordinal))];

    private static JsonElement Scores(params double[] scores) =>
        JsonSerializer.SerializeToElement(new { scores = scores.Select(score => new { log_likelihood = score }) });

    private EvaluationTask Read(params string[] lines)
    {
        string path = Path.Combine(_folder, "task.jsonl");
        File.WriteAllLines(path, lines);
        return EvaluationTask.Read(new FileInfo(path));
    }
}
