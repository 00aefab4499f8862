using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Shared.FineTuning;

namespace LLaDA.Batch.Functions.Tests.FineTuning;

public sealed class FineTuningJobObjectTests
{
    private static readonly DateTimeOffset s_now = new(2026, 12, 1, 4, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData(0, null)]
    [InlineData(1, 1)]
    [InlineData(5_000_000_000, int.MaxValue)]
    public void Trained_tokens_are_a_number_that_clients_can_read_once_there_are_some(long tokens, int? shown) =>
        Assert.Equal(shown, From(new FineTuningJobRecord { TrainedTokens = tokens }).TrainedTokens);

    [Theory]
    [InlineData(FineTuningStatus.Running, 60, true)]
    [InlineData(FineTuningStatus.Running, 1, false)]
    [InlineData(FineTuningStatus.Running, -60, false)]
    [InlineData(FineTuningStatus.Queued, 60, false)]
    public void Estimated_finish_is_shown_while_the_job_runs_and_never_past(FineTuningStatus status, int seconds, bool isShown)
    {
        var finish = s_now.AddSeconds(seconds);

        long? shown = From(new FineTuningJobRecord { Status = status, EstimatedFinishAt = finish }).EstimatedFinish;

        Assert.Equal(isShown ? finish.ToUnixTimeSeconds() : null, shown);
    }

    [Fact]
    public void Result_files_are_a_list_that_may_be_empty()
    {
        Assert.Empty(From(new FineTuningJobRecord()).ResultFiles);
        Assert.Equal(["file-1"], From(new FineTuningJobRecord { ResultFileId = "file-1" }).ResultFiles);
    }

    [Fact]
    public void Method_carries_its_own_parameters_and_what_is_left_open_is_auto()
    {
        var settings = ReinforcementSettings.Parse("""{"grader":{"type":"string_check"},"steps":4}""");

        var job = From(new FineTuningJobRecord { Method = FineTuningMethod.Reinforcement, Reinforcement = settings.ToJson() });

        var parameters = job.Method["reinforcement"]!["hyperparameters"]!;
        Assert.Equal("string_check", job.Method["reinforcement"]!["grader"]!["type"]!.GetValue<string>());
        Assert.Equal(
            ("auto", 4, "auto"),
            (parameters["max_tokens"]!.GetValue<string>(), parameters["steps"]!.GetValue<int>(),
                parameters["block_length"]!.GetValue<string>()));
    }

    private static FineTuningJobObject From(FineTuningJobRecord job)
    {
        (job.PartitionKey, job.RowKey) = ("t", "job");
        return FineTuningJobObject.From(job, s_now);
    }
}
