using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using static LLaDA.Batch.Functions.Tests.ControlPlane;
using static LLaDA.Batch.Functions.Tests.FineTuning.Trainings;

namespace LLaDA.Batch.Functions.Tests.FineTuning;

public sealed class PlanFineTuningHandlerTests(StorageFixture fixture)
{
    private const string Question = """{"messages":[{"role":"user","content":"q"}]}""";
    private const string Yes = """[{"role":"assistant","content":"a"}]""", No = """[{"role":"assistant","content":"b"}]""";

    private static readonly (string Line, string? Fault)[] s_preferences =
    [
        (Pair("""{"messages":[{"role":"user","content":"q"}],"tools":[],"parallel_tool_calls":true}""", Yes, No), null),
        (
            Pair(Question, Yes, """[{"role":"assistant","content":" a "}]"""),
            "preferred_output and non_preferred_output are the same"),
        (Pair(Question, """[{"role":"assistant","content":" "}]""", No), "preferred_output: the answer is empty"),
        (
            Pair(Question, Yes, """[{"role":"user","content":"b"}]"""),
            "non_preferred_output: role is 'user'; it must be assistant"),
        (Pair(Question, Yes, "[]"), "non_preferred_output: it must be a list of one message"),
        (Pair(Question, Yes, "null"), "non_preferred_output: it is missing"),
        (Pair("null", Yes, No), "input: it is missing"),
        (Pair("7", Yes, No), "input: it must be an object with messages"),
        (Pair("{}", Yes, No), "input: messages is missing"),
        (Pair("""{"messages":[]}""", Yes, No), "input: messages must be a list of at least one message"),
        (
            Pair("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}""", Yes, No),
            "input: the last message is of role assistant; it must be a question of the user"),
        (
            Pair("""{"messages":[{"role":"tool","content":"q"}]}""", Yes, No),
            "input: message 1: role is 'tool'; it must be system, developer, user or assistant"),
        (Question, "'messages' is not supported"),
    ];

    private static readonly string s_queue = StorageNames.TrainQueue(StorageNames.DefaultProfile);

    [Fact]
    public async Task One_bad_line_among_ten_thousand_is_named_by_its_number_before_any_training()
    {
        await using var plane = await StartAsync(fixture);
        string[] lines = Examples(10_000).Split('\n');
        lines[7_316] = """{"prompt":"a"}""";

        var job = await PlannedAsync(plane, string.Join('\n', lines));

        Assert.Equal((FineTuningStatus.Failed, "invalid_training_file"), (job.Status, job.ErrorCode));
        Assert.Equal("line 7317: completion is missing", job.ErrorMessage);
        Assert.Equal(0, await plane.CountAsync(s_queue));
        var shown = (await GetAsync(plane, $"/{job.Id}"))["error"]!;
        Assert.Equal(("invalid_training_file", "training_file"), (shown["code"]!.GetValue<string>(), shown["param"]!.GetValue<string>()));
    }

    [Fact]
    public async Task Faults_of_the_validation_file_are_named_as_such()
    {
        await using var plane = await StartAsync(fixture);

        var job = await PlannedAsync(
            plane, extra: new JsonObject { ["validation_file"] = await UploadAsync(plane, Examples(1) + "nonsense") });

        Assert.Equal("invalid_validation_file", job.ErrorCode);
        Assert.StartsWith(
            "line 2: it is not valid JSON: 'nonsense' is an invalid JSON literal", job.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_many_faults_the_first_are_listed_and_the_rest_counted()
    {
        await using var plane = await StartAsync(fixture);

        var job = await PlannedAsync(plane, string.Concat(Enumerable.Repeat("[]\n", 45)));

        Assert.Contains("line 20: ", job.ErrorMessage, StringComparison.Ordinal);
        Assert.EndsWith("and 25 more", job.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_of_blank_lines_has_no_examples()
    {
        await using var plane = await StartAsync(fixture);

        Assert.Equal("empty_file", (await PlannedAsync(plane, "\n \n")).ErrorCode);
    }

    [Fact]
    public async Task Planning_twice_queues_once()
    {
        await using var plane = await StartAsync(fixture);
        var job = await CreatedAsync(plane);

        await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => PlanAsync(plane, job)));

        Assert.InRange(await plane.CountAsync(s_queue), 1, 3);
        await plane.Storage.Queue(s_queue).ClearMessagesAsync();
        await PlanAsync(plane, job);
        Assert.Equal(0, await plane.CountAsync(s_queue));
    }

    [Theory]
    [InlineData(
        FineTuningMethod.Supervised,
        """{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","refusal":null}]}""",
        null)]
    [InlineData(
        FineTuningMethod.Supervised,
        """{"messages":[{"role":"user","content":"q"},{"role":"tool","content":"a"}]}""",
        "message 2: role is 'tool'; it must be system, developer, user or assistant")]
    [InlineData(FineTuningMethod.Supervised, """{"text":"a"}""", "'text' is not supported")]
    [InlineData(FineTuningMethod.Pretrain, """{"text":"a b c"}""", null)]
    [InlineData(FineTuningMethod.Pretrain, """{"text":" "}""", "text is empty")]
    [InlineData(FineTuningMethod.Pretrain, """{"prompt":"a","completion":"b"}""", "'prompt' is not supported")]
    public void A_line_is_read_as_the_training_reads_it(FineTuningMethod method, string line, string? fault) =>
        Assert.Equal(fault, TrainingLine.Fault(new TextLine(1, Encoding.UTF8.GetBytes(line)), method));

    [Fact]
    public void A_preference_is_one_question_with_two_answers()
    {
        foreach (var (line, fault) in s_preferences)
            Assert.Equal(fault, TrainingLine.Fault(new TextLine(1, Encoding.UTF8.GetBytes(line)), FineTuningMethod.Dpo));
    }

    [Fact]
    public async Task Prompts_that_a_grader_cannot_judge_are_named_by_their_lines()
    {
        await using var plane = await StartAsync(fixture);
        const string like = """{"type":"string_check","operation":"like","input":"{{sample.output_text}}","reference":"{{item.a}}"}""";
        var grader = new JsonObject
        {
            ["type"] = "multi", ["calculate_output"] = "1 / l", ["graders"] = new JsonObject { ["l"] = JsonNode.Parse(like) },
        };
        var method = new JsonObject { ["type"] = "reinforcement", ["reinforcement"] = new JsonObject { ["grader"] = grader } };
        string[] lines =
        [
            """{"prompt":"q","a":""}""", """{"prompt":"q"}""", """{"prompt":"q","a":"x"}""", """{"a":""}""",
            "\uFEFF" + """{"messages":[{"role":"user","content":"q"}],"a":""}""",
        ];

        var job = await PlannedAsync(plane, string.Join('\n', lines), new JsonObject { ["method"] = method });

        Assert.Equal((FineTuningStatus.Failed, "invalid_training_file"), (job.Status, job.ErrorCode));
        Assert.Matches(
            "^line 2: item.a is missing, which the grader uses; line 3: the grader gives (Infinity|\u221e) for an empty answer; "
            + "it must be a finite number; line 4: it has neither messages nor a prompt$",
            job.ErrorMessage);
    }

    [Fact]
    public void A_line_that_is_too_long_is_a_fault() =>
        Assert.Equal("it is longer than allowed", TrainingLine.Fault(new TextLine(1, null), FineTuningMethod.Supervised));

    private static string Pair(string input, string preferred, string other) =>
        $$"""{"input":{{input}},"preferred_output":{{preferred}},"non_preferred_output":{{other}}}""";
}
