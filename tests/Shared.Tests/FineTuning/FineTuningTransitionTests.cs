using LLaDA.Batch.Shared.FineTuning;
using static LLaDA.Batch.Shared.FineTuning.FineTuningStatus;

namespace LLaDA.Batch.Shared.Tests.FineTuning;

/// <summary>The whole state diagram of a fine-tuning job: every state with every transition.</summary>
public sealed class FineTuningTransitionTests
{
    private const int Run = 2, NumSteps = 10;

    private static readonly DateTimeOffset s_now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
    private static readonly FineTuningPlan s_plan = new("gpu", 7, Epochs: 3, BatchSize: 4, LearningRateMultiplier: 1, "result");
    private static readonly FineTuningFailure s_failure = new("code", "why", "param");

    private static readonly (string Name, Func<FineTuningJobRecord, bool> Apply, (FineTuningStatus From, FineTuningStatus To)[] Holds)[]
        s_table =
        [
            ("set the training file", job => job.TrySetTrainingFile("file"), [(ValidatingFiles, ValidatingFiles), (Paused, Paused)]),
            ("queue", job => job.TryQueue(s_plan), [(ValidatingFiles, Queued)]),
            ("refuse", job => job.TryRefuse(s_failure, s_now), [(ValidatingFiles, Failed)]),
            ("pause", job => job.TryPause(), [(ValidatingFiles, Paused), (Queued, Paused), (Running, Paused)]),
            ("resume", job => job.TryResume(), [(Paused, Queued)]),
            ("resume unplanned", Unplanned(job => job.TryResume()), [(Paused, ValidatingFiles)]),
            ("send", job => job.TrySend(s_now), [(Queued, Queued)]),
            ("send a second time", job => job.TryQueueAgain(s_now) & job.TrySend(s_now), []),
            ("cancel", job => job.TryCancel(s_now),
                [(ValidatingFiles, Cancelled), (Queued, Cancelled), (Running, Cancelled), (Paused, Cancelled)]),
            ("queue again", job => job.TryQueueAgain(s_now), [(Queued, Queued), (Running, Running)]),
            ("begin a run", job => job.TryBeginRun(), [(Queued, Running), (Running, Running)]),
            ("begin one run too many", OutOfRuns(job => job.TryBeginRun()), []),
            ("give up runs in time", job => job.TryGiveUpRuns(s_failure, s_now), []),
            ("give up runs", OutOfRuns(job => job.TryGiveUpRuns(s_failure, s_now)), [(Queued, Failed), (Running, Failed)]),
            .. OfRun("set steps", (job, run) => job.TrySetSteps(run, 5), fails: false),
            .. OfRun("report", (job, run) => job.TryReport(run, 5, s_now), fails: false),
            .. OfRun("lose the checkpoint", (job, run) => job.TryLoseCheckpoint(run), fails: false),
            .. OfRun("publish", (job, run) => job.TryPublish(run, 5, 50), fails: false),
            .. OfRun("excuse", (job, run) => job.TryExcuse(run), fails: false),
            .. OfRun("fail the run", (job, run) => job.TryFailRun(run, s_failure, s_now), fails: true),
            ("succeed early", Unfinished(job => job.TrySucceed("ft:model", "file", s_now)), []),
            ("succeed", job => job.TrySucceed("ft:model", "file", s_now), [(Queued, Succeeded), (Running, Succeeded), (Paused, Succeeded)]),
            ("give up a finish in time", job => job.TryGiveUpFinish(s_failure, s_now - TimeSpan.FromMinutes(2)), []),
            ("give up an early finish", Unfinished(job => job.TryGiveUpFinish(s_failure, s_now)), []),
            ("give up the finish", job => job.TryGiveUpFinish(s_failure, s_now), [(Queued, Failed), (Running, Failed), (Paused, Failed)]),
        ];

    public static TheoryData<string, FineTuningStatus> Cells =>
        [.. from row in s_table from status in Enum.GetValues<FineTuningStatus>() select (row.Name, status)];

    [Theory]
    [MemberData(nameof(Cells))]
    public void A_transition_holds_as_the_table_has_it_and_keeps_the_state_elsewhere(string name, FineTuningStatus status)
    {
        var (_, apply, holds) = s_table.Single(row => row.Name == name);
        FineTuningStatus[] to = [.. holds.Where(edge => edge.From == status).Select(edge => edge.To)];
        var job = NewJob(status);

        Assert.Equal(to.Length == 1, apply(job));
        Assert.Equal(to.SingleOrDefault(status), job.Status);
        if (to.Length == 0)
            Assert.Equal((null, null, null, Run), (job.ErrorCode, job.FinishedAt, job.FineTunedModel, job.RunNumber));
        Assert.False(to.Length == 1 && job.IsTerminal && status == job.Status, "a terminal state never changes");
    }

    /// <summary>A run that begins while another run is recorded is an arrow too, and the one transition from a state to itself.</summary>
    [Fact]
    public void The_diagram_of_the_documents_is_the_table()
    {
        var edges = s_table.SelectMany(row => row.Holds.Where(edge => edge.From != edge.To || row.Name == "begin a run"));

        StateDiagram.AssertEqual("States of a fine-tuning job", edges.Select(edge => ($"{edge.From}", $"{edge.To}")));
    }

    [Fact]
    public void A_plan_keeps_the_hyperparameters_that_were_given()
    {
        var job = NewJob(ValidatingFiles);
        (job.Epochs, job.ResultFileKey) = (9, "earlier");

        Assert.True(job.TryQueue(s_plan));
        Assert.Equal((9, 4, 1, "earlier"), (job.Epochs, job.BatchSize, job.LearningRateMultiplier, job.ResultFileKey));
        Assert.Equal(("gpu", 7, null), (job.Profile, job.NumExamples, job.QueuedAt));
    }

    [Fact]
    public void A_run_counts_as_failed_until_it_publishes_or_is_excused()
    {
        var job = NewJob(Queued);
        job.CheckpointStep = 4;

        Assert.True(job.TryBeginRun());
        Assert.Equal((Run + 1, 1, 4), (job.RunNumber, job.FailedRuns, job.Step));
        Assert.True(job.TryBeginRun());
        Assert.True(job.TryExcuse(job.RunNumber));
        Assert.Equal(1, job.FailedRuns);
        Assert.True(job.TryPublish(job.RunNumber, 6, 60));
        Assert.Equal((0, Run + 2, 6, 6, 60L), (job.FailedRuns, job.CheckpointRun, job.CheckpointStep, job.Step, job.TrainedTokens));
        Assert.True(job.TryExcuse(job.RunNumber));
        Assert.Equal(0, job.FailedRuns);
    }

    [Fact]
    public void An_end_has_its_time_and_its_reason()
    {
        var (failed, succeeded) = (NewJob(Running), NewJob(Running));

        Assert.True(failed.TryFailRun(Run, s_failure, s_now));
        Assert.Equal(
            (s_now, null, "code", "why", "param"),
            (failed.FinishedAt, failed.EstimatedFinishAt, failed.ErrorCode, failed.ErrorMessage, failed.ErrorParam));
        Assert.True(succeeded.TrySucceed("ft:model", "file", s_now));
        Assert.Equal(
            (s_now, null, "ft:model", "file"),
            (succeeded.FinishedAt, succeeded.EstimatedFinishAt, succeeded.FineTunedModel, succeeded.ResultFileId));
    }

    private static (string, Func<FineTuningJobRecord, bool>, (FineTuningStatus, FineTuningStatus)[])[] OfRun(
        string name, Func<FineTuningJobRecord, int, bool> apply, bool fails)
    {
        (FineTuningStatus, FineTuningStatus)[] holds =
            [.. new[] { Queued, Running, Paused }.Select(status => (status, fails ? Failed : status))];
        return [(name, job => apply(job, Run), holds), ($"{name}, stale", job => apply(job, Run - 1), [])];
    }

    private static Func<FineTuningJobRecord, bool> Unplanned(Func<FineTuningJobRecord, bool> apply) => job =>
    {
        job.Profile = null;
        return apply(job);
    };

    private static Func<FineTuningJobRecord, bool> OutOfRuns(Func<FineTuningJobRecord, bool> apply) => job =>
    {
        job.FailedRuns = FineTuningJobRecord.MaxFailedRuns;
        return apply(job);
    };

    private static Func<FineTuningJobRecord, bool> Unfinished(Func<FineTuningJobRecord, bool> apply) => job =>
    {
        job.CheckpointStep = NumSteps - 1;
        return apply(job);
    };

    /// <summary>A planned job with its last checkpoint, quiet for longer than a finish may fail.</summary>
    private static FineTuningJobRecord NewJob(FineTuningStatus status) => new()
    {
        PartitionKey = "tenant",
        RowKey = "key",
        Status = status,
        Profile = "gpu",
        RunNumber = Run,
        NumSteps = NumSteps,
        CheckpointStep = NumSteps,
        Timestamp = s_now - FineTuningJobRecord.GiveUpAfter - TimeSpan.FromMinutes(1),
        EstimatedFinishAt = s_now,
    };
}
