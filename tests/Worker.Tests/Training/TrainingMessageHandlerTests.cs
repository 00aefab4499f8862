using System.Globalization;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Worker.Models;
using static LLaDA.Batch.Worker.Tests.Training.TrainingTrials;

namespace LLaDA.Batch.Worker.Tests.Training;

/// <summary>Fine-tuning jobs through a worker that trains a tiny model.</summary>
public sealed class TrainingMessageHandlerTests(StorageFixture fixture, TinyModel model) : IAsyncDisposable
{
    private readonly TrainingTrials _trials = new(fixture, model);

    [Theory]
    [InlineData(null)]
    [InlineData(2)]
    public async Task A_job_becomes_a_model_with_checkpoints_events_and_metrics(int? rank)
    {
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank), Examples);

        await trial.RunAsync(job);

        var (ended, _, metrics) = await trial.ResultAsync(job);
        Assert.Equal((NumSteps, NumSteps, FineTuningStatus.Succeeded), (ended.NumSteps, ended.CheckpointStep, ended.Status));
        Assert.StartsWith($"ft:{TinyModel.Id}::mine:", ended.FineTunedModel, StringComparison.Ordinal);
        Assert.Equal(NumSteps + 1, metrics.TrimEnd().Split('\n').Length);
        var checkpoints = await trial.Models.Checkpoints.ListAsync(CheckpointRecord.Partition(ended), after: null, CancellationToken.None)
            .ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(1, NumSteps).Reverse(), checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.Equal(
            NumSteps, (await Task.WhenAll(checkpoints.Select(checkpoint => trial.HashesAsync(checkpoint.Model))))
            .Distinct(StringComparer.Ordinal).Count());
        var events = await new FineTuningEvents(trial.Storage, trial.Time).Records.ListAsync(
            FineTuningEvents.Partition(ended), after: null, CancellationToken.None).ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(NumSteps, events.Count(entry => entry.Message.StartsWith("Checkpoint created", StringComparison.Ordinal)));
        Assert.Contains(ended.FineTunedModel!, events[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_uploaded_and_never_published_goes_when_the_job_has_ended()
    {
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank: 2), Examples);
        var unpublished = await LeaveUnpublishedAsync(trial, job);

        await trial.RunAsync(job);

        Assert.False(await unpublished.ExistsAsync());
        var result = await trial.ResultAsync(job);
        foreach (int step in Enumerable.Range(1, NumSteps))
            Assert.NotEmpty(await trial.HashesAsync(FineTunedModels.NameOf(result.Job, step)));
    }

    [Theory]
    [InlineData(null)]
    [InlineData(2)]
    public async Task What_was_tuned_predicts_otherwise_and_can_be_tuned_again(int? rank)
    {
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank), Examples);
        await trial.RunAsync(job);
        string tuned = (await trial.ResultAsync(job)).Job.FineTunedModel!;

        var again = await trial.CreateAsync(Job(rank, tuned), Examples);
        await trial.RunAsync(again);

        var catalog = new ModelCatalog(trial.Storage);
        string cachePath = Directory.CreateTempSubdirectory("llada-tuned-").FullName;
        using (var host = TinyModel.NewHost(model.Folder, _trials.Tensors, trial.Storage, cachePath))
        {
            var loading = new ModelResolver(catalog, host);
            int[] before = await PredictAsync(loading, TinyModel.Id), after = await PredictAsync(loading, tuned), twice =
                await PredictAsync(loading, (await trial.ResultAsync(again)).Job.FineTunedModel!);
            Assert.NotEqual(before, after);
            Assert.NotEqual(after, twice);
        }
        Directory.Delete(cachePath, recursive: true);
    }

    [Fact]
    public async Task A_job_of_plain_text_is_trained()
    {
        var trial = _trials.New();
        var job = Job(rank: null);
        job.Method = FineTuningMethod.Pretrain;
        await trial.CreateAsync(
            job, string.Concat(Enumerable.Repeat("""{"text":"the quick brown fox jumps over the lazy dog"}""" + "\n", 40)));

        await trial.RunAsync(job);

        Assert.True((await trial.ResultAsync(job)).Job.TrainedTokens > 0);
    }

    [Fact]
    public async Task A_line_without_room_for_an_answer_is_named_and_nothing_is_trained()
    {
        var trial = _trials.New();
        var job = await trial.CreateAsync(
            Job(rank: 2), Examples + $$"""{"prompt":"{{string.Concat(Enumerable.Repeat("fox and ", 80))}}","completion":"dog"}""" + "\n");

        await trial.RunAsync(job);

        var ended = await trial.FindAsync(job);
        Assert.Equal((FineTuningStatus.Failed, "training_file", 0), (ended.Status, ended.ErrorParam, ended.CheckpointStep));
        Assert.Contains(
            string.Create(CultureInfo.InvariantCulture, $"line {NumExamples + 1}: "), ended.ErrorMessage, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(
        LongExamples.Cut,
        "1 of 7 examples of training_file are longer than the model's context of 64 tokens: the ends of their answers are cut off")]
    [InlineData(LongExamples.Skip, "1 of 7 examples of training_file are longer than the model's context of 64 tokens and left out")]
    [InlineData(LongExamples.Fail, null)]
    public async Task Examples_longer_than_the_context_are_counted_in_an_event_or_fail_the_job(LongExamples longExamples, string? message)
    {
        var trial = _trials.New();
        var asked = Job(rank: 2);
        asked.LongExamples = longExamples;
        var job = await trial.CreateAsync(
            asked, Examples + $$"""{"prompt":"the","completion":"{{string.Concat(Enumerable.Repeat("fox and ", 80))}}"}""" + "\n");

        await trial.RunAsync(job);

        var ended = await trial.FindAsync(job);
        var events = await new FineTuningEvents(trial.Storage, trial.Time).Records
            .ListAsync(FineTuningEvents.Partition(ended), after: null, CancellationToken.None)
                .ToListAsync(TestContext.Current.CancellationToken);
        var counted = events.Where(entry => entry.Level == "warn").Select(entry => entry.Message);
        Assert.Equal(message is null ? FineTuningStatus.Failed : FineTuningStatus.Succeeded, ended.Status);
        Assert.Equal(message is null ? [] : [message], counted);
        if (message is null)
            Assert.Matches(
                $"line {NumExamples + 1}: its prompt of 2 tokens and its answer of [0-9]+ do not fit a context of 64", ended.ErrorMessage);
    }

    public ValueTask DisposeAsync() => _trials.DisposeAsync();

    private static async Task<int[]> PredictAsync(ModelResolver loading, string id)
    {
        using var lease = await loading.AcquireAsync(TrainingTrial.Tenant, id, isExclusive: false, CancellationToken.None);
        int[] canvas = [1, 2, 3, .. Enumerable.Repeat(lease.Model.MaskTokenId, 20)];
        return [.. (
            await lease.Model.Operations("tenant", CancellationToken.None)
            .SampleAsync(new Diffusion.Sampling.SamplingRow(canvas, new Diffusion.Sampling.SamplingOptions()))).Tokens];
    }
}
