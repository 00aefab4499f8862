using System.Text.Json;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Worker.Training;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Worker.Tests.Training;

/// <summary>Jobs of reinforcement through a worker that trains a tiny model.</summary>
public sealed class ReinforcementTrainingTests(StorageFixture fixture, TinyModel model) : IAsyncDisposable
{
    private const string Like = """
        {"type":"text_similarity","name":"s","evaluation_metric":"fuzzy_match","input":"{{sample.output_text}}",
         "reference":"{{item.fox}}"}
        """;

    private const string Likely =
        """{"type":"likelihood","name":"l","prompt":"{{sample.output_text}}","completion":"{{item.fox}}","num_samples":2}""";

    private const string Both =
        """{"type":"multi","name":"m","calculate_output":"like + likely / 2","graders":{"like":""" + Like + ",\"likely\":" + Likely + "}}";

    private static readonly string s_prompts = string.Concat(Enumerable.Range(1, TrainingTrials.NumExamples).Select(index =>
        $$"""{"messages":[{"role":"user","content":"the quick {{index}}?"}],"fox":"brown fox"}""" + "\n"));

    private readonly TrainingTrials _trials = new(fixture, model);

    [Theory]
    [InlineData(null)]
    [InlineData(2)]
    public async Task A_job_becomes_a_model_and_its_rewards_are_in_the_result_file(int? rank)
    {
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank, Both), s_prompts);

        await trial.RunAsync(job);

        var (ended, _, metrics) = await trial.ResultAsync(job);
        Assert.Equal((TrainingTrials.NumSteps, FineTuningStatus.Succeeded), (ended.CheckpointStep, ended.Status));
        string[][] rows = [.. metrics.TrimEnd().Split('\n').Select(line => line.Split(','))];
        Assert.Equal(["reward", "skipped_groups", "answer_tokens", "kl", "ratio", "clip_share"], rows[0][6..]);
        Assert.Equal((TrainingTrials.NumSteps + 1, "0", "1"), (rows.Length, rows[1][9], rows[1][10]));
        Assert.NotEqual("0", rows[1][6]);
        Assert.NotEqual("1", rows[2][10]);
        Assert.NotEmpty(await trial.HashesAsync(ended.FineTunedModel!));
    }

    /// <summary>Among them faults of storage at a seeded call, after which another worker resumes.</summary>
    [Theory]
    [InlineData(Fault.KillBefore, 2)]
    [InlineData(Fault.KillAfter, null)]
    public async Task A_job_whose_worker_dies_ends_as_an_undisturbed_one(Fault fault, int? rank)
    {
        var whole = _trials.New();
        var undisturbed = await whole.CreateAsync(Job(rank, Like), s_prompts);
        int calls = await whole.RunAsync(undisturbed);
        var expected = await whole.ResultAsync(undisturbed);
        var random = new Random(20_264 + (int)fault);
        for (int time = 0; time < 2; time++)
        {
            var trial = _trials.New();
            var job = await trial.CreateAsync(Job(rank, Like), s_prompts);
            await trial.RunAsync(job, fault, random.Next(calls / 2, calls + 1));

            var result = await trial.ResultAsync(job);
            Assert.Equal((expected.Model, expected.Metrics), (result.Model, result.Metrics));
        }
    }

    [Fact]
    public async Task What_cannot_be_answered_or_judged_is_named_by_its_line()
    {
        string tooLong = $$"""{"prompt":"{{string.Concat(Enumerable.Repeat("fox and ", 80))}}","fox":"a"}""";

        Assert.Matches(
            "line 7: its prompt of [0-9]+ tokens and an answer of up to 6 do not fit a context of 64",
            await FailureAsync(Like, tooLong));
        Assert.Contains(
            "line 7: item.fox is missing, which the grader uses", await FailureAsync(Like, """{"prompt":"a"}"""), StringComparison.Ordinal);
        const string infinite = """
            {"type":"multi","name":"m","calculate_output":"1 / empty","graders":{"empty":
              {"type":"string_check","name":"e","operation":"eq","input":"{{sample.output_text}}","reference":""}}}
            """;
        Assert.Matches("^line [1-6]: the reward of an answer is .*must be a finite number$", await FailureAsync(infinite, ""));
    }

    [Fact]
    public void A_model_that_does_not_sample_so_is_refused()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory("llada-prompts-").FullName, "prompts.jsonl");
        File.WriteAllText(path, s_prompts);
        string folder = Path.Combine(model.Folder, TinyModel.Id);
        var config = LLaDAConfigJson.Read(Path.Combine(folder, Checkpoint.ConfigFile));
        var tokenizer = new LLaDATokenizer(folder);
        string Code(LLaDAConfig config, int? blockLength = null) => Assert.Throws<TrainingFileException>(() =>
            TrainingData.Open(Job(2, Like, blockLength), path, null, tokenizer, config)).Code;

        Assert.Equal("model_not_usable", Code(config with { IsCausal = true }));
        Assert.Equal("invalid_hyperparameters", Code(config with { Family = ModelFamilies.Dream }, blockLength: 4));
        using var data = TrainingData.Open(Job(2, Like, blockLength: 4), path, null, tokenizer, config);
        Assert.Equal(TrainingTrials.NumExamples, data.Training.NumRows);
        Directory.Delete(Path.GetDirectoryName(path)!, recursive: true);
    }

    public ValueTask DisposeAsync() => _trials.DisposeAsync();

    private static FineTuningJobRecord Job(int? rank, string grader, int? blockLength = null)
    {
        var job = TrainingTrials.Job(rank);
        (job.Method, job.LongExamples, job.Epochs, job.LearningRateMultiplier) =
            (FineTuningMethod.Reinforcement, LongExamples.Fail, 1, 10_000);
        job.Reinforcement = new ReinforcementSettings
        {
            Grader = JsonDocument.Parse(grader).RootElement, GroupSize = 3, MaxTokens = 6, BlockLength = blockLength,
        }.ToJson();
        return job;
    }

    /// <returns>The error of a job with another line.</returns>
    private async Task<string> FailureAsync(string grader, string line)
    {
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank: 2, grader), s_prompts + line);
        await trial.RunAsync(job);
        var ended = await trial.FindAsync(job);
        Assert.Equal(FineTuningStatus.Failed, ended.Status);
        return ended.ErrorMessage!;
    }
}
