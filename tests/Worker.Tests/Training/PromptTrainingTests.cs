using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Testing;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Sampling;
using static LLaDA.Batch.Worker.Tests.Training.TrainingTrials;

namespace LLaDA.Batch.Worker.Tests.Training;

/// <summary>Fine-tuning jobs that learn vectors before every row.</summary>
public sealed class PromptTrainingTests(StorageFixture fixture, TinyModel model) : IAsyncDisposable
{
    private const int NumVirtualTokens = 6;

    private readonly TrainingTrials _trials = new(fixture, model);

    [Fact]
    public async Task A_killed_job_ends_as_an_undisturbed_one()
    {
        var undisturbed = _trials.New();
        var job = await undisturbed.CreateAsync(Vectors(), Examples);
        int calls = await undisturbed.RunAsync(job);
        var expected = await undisturbed.ResultAsync(job);
        var killed = _trials.New();
        var same = await killed.CreateAsync(Vectors(), Examples);

        await killed.RunAsync(same, Fault.KillBefore, atCall: calls / 2);

        var result = await killed.ResultAsync(same);
        Assert.Equal((expected.Model, expected.Metrics), (result.Model, result.Metrics));
    }

    [Fact]
    public async Task The_result_serves_lines_in_what_the_vectors_leave_of_the_context_and_is_continued()
    {
        var trial = _trials.New();
        string tuned = await TuneAsync(trial, Vectors()), again = await TuneAsync(trial, Vectors(tuned));

        var catalog = new ModelCatalog(trial.Storage);
        foreach (string id in new[] { tuned, again })
        {
            var record = (await catalog.FindAsync(TrainingTrial.Tenant, id, CancellationToken.None))!;
            Assert.Equal((TinyModel.Id, TinyModel.ContextLength - NumVirtualTokens), (record.BaseModel, record.ContextLength));
        }
        string cachePath = Directory.CreateTempSubdirectory("llada-prompt-").FullName;
        using (var host = TinyModel.NewHost(model.Folder, _trials.Tensors, trial.Storage, cachePath))
        {
            var loading = new ModelResolver(catalog, host);
            var (before, after, twice) = (
                await AnswerAsync(loading, TinyModel.Id), await AnswerAsync(loading, tuned), await AnswerAsync(loading, again));
            Assert.NotEqual(before, after);
            Assert.NotEqual(after, twice);
        }
        Directory.Delete(cachePath, recursive: true);
    }

    [Fact]
    public async Task Vectors_are_neither_merged_nor_mixed_with_LoRA()
    {
        var trial = _trials.New();
        string vectors = await TuneAsync(trial, Vectors()), lora = await TuneAsync(trial, Job(rank: 2));
        foreach (var (asked, sentence) in new[]
        {
            (Job(rank: null, vectors), "cannot be merged into weights"),
            (Job(rank: 2, vectors), "stand before the tokens of a row"),
            (Vectors(lora), "begin with its base model"),
            (Vectors(vectors, NumVirtualTokens + 1), "holds 6 prompt vectors"),
        })
        {
            var job = await trial.CreateAsync(asked, Examples);
            await trial.RunAsync(job);

            var ended = await trial.FindAsync(job);
            Assert.Equal((FineTuningStatus.Failed, "model_not_usable"), (ended.Status, ended.ErrorCode));
            Assert.Contains(sentence, ended.ErrorMessage, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task More_vectors_than_half_of_the_context_are_refused_before_anything_is_trained()
    {
        var trial = _trials.New();
        var job = await trial.CreateAsync(Vectors(count: (TinyModel.ContextLength / 2) + 1), Examples);

        await trial.RunAsync(job);

        var ended = await trial.FindAsync(job);
        Assert.Equal(
            (FineTuningStatus.Failed, "invalid_hyperparameters", "prompt_tuning.num_virtual_tokens", 0),
            (ended.Status, ended.ErrorCode, ended.ErrorParam, ended.RunNumber));
    }

    public ValueTask DisposeAsync() => _trials.DisposeAsync();

    private static FineTuningJobRecord Vectors(string from = "", int count = NumVirtualTokens)
    {
        var job = Job(rank: null, from);
        (job.NumVirtualTokens, job.InitialText) = (count, "the fox");
        return job;
    }

    private static async Task<string> TuneAsync(TrainingTrial trial, FineTuningJobRecord asked)
    {
        var job = await trial.CreateAsync(asked, Examples);
        await trial.RunAsync(job);
        return (await trial.ResultAsync(job)).Job.FineTunedModel!;
    }

    /// <returns>What it samples and the likelihood that it gives, with a row as long as its context.</returns>
    private static async Task<(string Tokens, double LogLikelihood)> AnswerAsync(ModelResolver loading, string id)
    {
        using var lease = await loading.AcquireAsync(TrainingTrial.Tenant, id, isExclusive: false, CancellationToken.None);
        using var operations = lease.Model.Operations("tenant", CancellationToken.None);
        int[] canvas = [1, 2, 3, .. Enumerable.Repeat(lease.Model.MaskTokenId, lease.Model.ContextLength - 3)];
        var sampled = await operations.SampleAsync(new SamplingRow(canvas, new SamplingOptions()));
        Assert.Equal(canvas.Length, sampled.Tokens.Length);
        double score = await operations.LogLikelihoodAsync([1, 2], [3, 4], new LikelihoodOptions(), PartialScore.None, _ => { });
        return (string.Join(' ', sampled.Tokens), score);
    }
}
