using System.Text.Json.Nodes;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;

namespace LLaDA.Batch.Worker.Tests.Training;

/// <summary>Jobs of preferences through a worker that trains a tiny model.</summary>
public sealed class PreferenceTrainingTests(StorageFixture fixture, TinyModel model) : IAsyncDisposable
{
    private static readonly string[] s_measures =
    [
        "preference_loss", "margin", "accuracy", "chosen_elbo", "rejected_elbo", "chosen_reference_elbo", "rejected_reference_elbo",
    ];

    private static readonly string s_pairs =
        string.Concat(Enumerable.Range(1, TrainingTrials.NumExamples).Select(index => Pair($"{index}")));

    private readonly TrainingTrials _trials = new(fixture, model);

    [Theory]
    [InlineData(null)]
    [InlineData(2)]
    public async Task A_job_becomes_a_model_and_its_measures_are_in_events_checkpoints_and_the_result_file(int? rank)
    {
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank), s_pairs);

        await trial.RunAsync(job);

        var (ended, _, metrics) = await trial.ResultAsync(job);
        Assert.Equal((TrainingTrials.NumSteps, FineTuningStatus.Succeeded), (ended.CheckpointStep, ended.Status));
        string[][] rows = [.. metrics.TrimEnd().Split('\n').Select(line => line.Split(','))];
        Assert.Equal(["step", "train_loss", "valid_loss", "learning_rate", "gradient_norm", "tokens", .. s_measures], rows[0]);
        Assert.Equal((TrainingTrials.NumSteps + 1, "0", "0.5"), (rows.Length, rows[1][7], rows[1][8]));
        Assert.NotEqual("0", rows[2][7]);
        var checkpoint = await trial.Models.Checkpoints.ListAsync(CheckpointRecord.Partition(ended), after: null, CancellationToken.None)
            .FirstAsync(TestContext.Current.CancellationToken);
        Assert.Equal(s_measures, JsonNode.Parse(checkpoint.Measures!)!.AsObject().Select(measure => measure.Key));
        Assert.NotEmpty(await trial.HashesAsync(ended.FineTunedModel!));
    }

    /// <summary>Among them faults of storage at a seeded call, after which another worker resumes.</summary>
    [Theory]
    [InlineData(Fault.KillBefore, 2)]
    [InlineData(Fault.KillAfter, null)]
    public async Task A_job_whose_worker_dies_ends_as_an_undisturbed_one(Fault fault, int? rank)
    {
        var whole = _trials.New();
        var undisturbed = await whole.CreateAsync(Job(rank), s_pairs);
        int calls = await whole.RunAsync(undisturbed);
        var expected = await whole.ResultAsync(undisturbed);
        var random = new Random(20_263 + (int)fault);
        for (int time = 0; time < 2; time++)
        {
            var trial = _trials.New();
            var job = await trial.CreateAsync(Job(rank), s_pairs);
            await trial.RunAsync(job, fault, random.Next(calls / 2, calls + 1));

            var result = await trial.ResultAsync(job);
            Assert.Equal((expected.Model, expected.Metrics), (result.Model, result.Metrics));
        }
    }

    [Theory]
    [InlineData(LongExamples.Fail, "line 7: its prompt of [0-9]+ tokens and its non_preferred_output of [0-9]+ do not fit a context of 64")]
    [InlineData(LongExamples.Skip, null)]
    public async Task A_pair_longer_than_the_context_is_named_by_its_line_or_left_out(LongExamples longExamples, string? message)
    {
        var trial = _trials.New();
        var asked = Job(rank: 2);
        asked.LongExamples = longExamples;
        var job = await trial.CreateAsync(asked, s_pairs + Pair(string.Concat(Enumerable.Repeat("fox and ", 80))));

        await trial.RunAsync(job);

        var ended = await trial.FindAsync(job);
        Assert.Equal(message is null ? FineTuningStatus.Succeeded : FineTuningStatus.Failed, ended.Status);
        if (message is not null)
            Assert.Matches(message, ended.ErrorMessage);
    }

    public ValueTask DisposeAsync() => _trials.DisposeAsync();

    private static FineTuningJobRecord Job(int? rank)
    {
        var job = TrainingTrials.Job(rank);
        (job.Method, job.LongExamples, job.NumSamples, job.LearningRateMultiplier) = (FineTuningMethod.Dpo, LongExamples.Fail, 2, 1000);
        return job;
    }

    private static string Pair(string rejected) => new JsonObject
    {
        ["input"] = new JsonObject { ["messages"] = new JsonArray(Message("user", "the quick?")) },
        ["preferred_output"] = new JsonArray(Message("assistant", "brown fox")),
        ["non_preferred_output"] = new JsonArray(Message("assistant", $"dog {rejected}")),
    }.ToJsonString() + "\n";

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
}
