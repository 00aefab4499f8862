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

        var job = await PlannedAsync(plane, extra: new JsonObject { ["validation_file"] = await UploadAsync(plane, Examples(1) + "nonsense") });

        Assert.Equal(("invalid_validation_file", "line 2: it is not valid JSON: unexpected 'o', at byte 2"), (job.ErrorCode, job.ErrorMessage));
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

    [Fact]
    public async Task A_plan_that_fails_again_and_again_ends_the_job_with_a_reason()
    {
        await using var plane = await StartAsync(fixture);
        var job = await CreatedAsync(plane);

        await plane.Get<PlanFineTuningHandler>().GiveUpAsync(new(job.Tenant, job.RowKey), CancellationToken.None);

        Assert.Equal((FineTuningStatus.Failed, "planning_failed"), ((await FindAsync(plane, job.Id)).Status, (await FindAsync(plane, job.Id)).ErrorCode));
    }

    [Theory]
    [InlineData("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}""", null)]
    [InlineData("""{"messages":[{"role":"developer","content":"q","name":"n"},{"role":"assistant","content":"a","weight":0},{"role":"assistant","content":"b","weight":1}]}""", null)]
    [InlineData("""{"prompt":"","completion":"a"}""", null)]
    [InlineData("""{"messages":[]}""", "at least one message")]
    [InlineData("""{"messages":[{"role":"user","content":"q"}]}""", "no message of an assistant")]
    [InlineData("""{"messages":[{"role":"assistant","content":"a"}]}""", "message 1: an answer needs a question")]
    [InlineData("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":" "}]}""", "message 2: an answer is empty")]
    [InlineData("""{"messages":[{"role":"tool","content":"q"}]}""", "message 1: role is 'tool'")]
    [InlineData("""{"messages":[{"role":"user","content":["q"]}]}""", "message 1: content must be text")]
    [InlineData("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":2}]}""", "message 2: weight must be 0 or 1")]
    [InlineData("""{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a","weight":0}]}""", "no message of an assistant")]
    [InlineData("""{"messages":[{"role":"user","content":"q"}],"tools":[]}""", "'tools' is not supported")]
    [InlineData("""{"prompt":"a","completion":""}""", "completion is empty")]
    [InlineData("""{"prompt":"a","prompt":"b","completion":"c"}""", "not valid JSON")]
    [InlineData("""{"prompt":"\ud800","completion":"c"}""", "unpaired surrogate")]
    [InlineData("""{"\ud800":1,"prompt":"a","completion":"b"}""", "not valid JSON")]
    [InlineData("""["prompt"]""", "not a JSON object")]
    public void A_line_is_learnt_from_or_its_fault_is_named(string line, string? fault)
    {
        string? found = TrainingLine.Fault(new TextLine(1, Encoding.UTF8.GetBytes(line)), FineTuningMethod.Supervised);

        if (fault is null)
            Assert.Null(found);
        else
            Assert.Contains(fault, found, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"text":"a b c"}""", true)]
    [InlineData("""{"text":" "}""", false)]
    [InlineData("""{"prompt":"a","completion":"b"}""", false)]
    public void Pretraining_learns_from_text(string line, bool isGood) =>
        Assert.Equal(isGood, TrainingLine.Fault(new TextLine(1, Encoding.UTF8.GetBytes(line)), FineTuningMethod.Pretrain) is null);
}
