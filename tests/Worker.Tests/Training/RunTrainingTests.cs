using System.Globalization;
using Azure.Storage.Blobs;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Tests.Faults.Trials;
using LLaDA.Tests;

namespace LLaDA.Batch.Worker.Tests.Training;

/// <summary>Fine-tuning jobs through a worker that trains a tiny model.</summary>
public sealed class RunTrainingTests(StorageFixture fixture, TinyModel model) : IAsyncDisposable
{
    private const int NumExamples = 6, NumSteps = 6;

    private static readonly string s_examples = string.Concat(Enumerable.Range(1, NumExamples).Select(index => $$"""{"prompt":"the quick {{index}}","completion":" brown fox"}""" + "\n"));

    private readonly TensorThread _tensors = new();
    private readonly List<TrainingTrial> _trials = [];

    [Theory]
    [InlineData(null)]
    [InlineData(2)]
    public async Task A_job_becomes_a_model_with_checkpoints_events_and_metrics(int? rank)
    {
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank), s_examples);

        await trial.RunAsync(job);

        var (ended, _, metrics) = await trial.ResultAsync(job);
        Assert.Equal((NumSteps, NumSteps, FineTuningStatus.Succeeded), (ended.NumSteps, ended.CheckpointStep, ended.Status));
        Assert.StartsWith($"ft:{TinyModel.Id}::mine:", ended.FineTunedModel, StringComparison.Ordinal);
        Assert.Equal(NumSteps + 1, metrics.TrimEnd().Split('\n').Length);
        var checkpoints = await trial.Models.Checkpoints.ListAsync(CheckpointRecord.Partition(ended), after: null, CancellationToken.None).ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Enumerable.Range(1, NumSteps).Reverse(), checkpoints.Select(checkpoint => checkpoint.Step));
        Assert.Equal(NumSteps, (await Task.WhenAll(checkpoints.Select(checkpoint => trial.HashesAsync(checkpoint.Model)))).Distinct(StringComparer.Ordinal).Count());
        var events = await new FineTuningEvents(trial.Storage, trial.Time).Records.ListAsync(FineTuningEvents.Partition(ended), after: null, CancellationToken.None).ToListAsync(TestContext.Current.CancellationToken);
        Assert.Equal(NumSteps, events.Count(entry => entry.Message.StartsWith("Checkpoint created", StringComparison.Ordinal)));
        Assert.Contains(ended.FineTunedModel!, events[0].Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_uploaded_and_never_published_goes_when_the_job_has_ended()
    {
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank: 2), s_examples);
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
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank), s_examples);
        await trial.RunAsync(job);
        string tuned = (await trial.ResultAsync(job)).Job.FineTunedModel!;

        var again = await trial.CreateAsync(Job(rank, tuned), s_examples);
        await trial.RunAsync(again);

        var catalog = new ModelCatalog(trial.Storage);
        var options = new WorkerOptions { ModelsPath = model.Folder, CachePath = Directory.CreateTempSubdirectory("llada-tuned-").FullName, BatchTokens = 256 };
        using (var host = TinyModel.NewHost(options, _tensors, trial.Storage))
        {
            var loading = new ModelLoading(catalog, host);
            int[] before = await PredictAsync(loading, TinyModel.Id), after = await PredictAsync(loading, tuned), twice = await PredictAsync(loading, (await trial.ResultAsync(again)).Job.FineTunedModel!);
            Assert.NotEqual(before, after);
            Assert.NotEqual(after, twice);
        }
        Directory.Delete(options.CachePath, recursive: true);
    }

    [Fact]
    public async Task A_job_of_plain_text_is_trained()
    {
        var trial = NewTrial();
        var job = Job(rank: null);
        job.Method = FineTuningMethod.Pretrain;
        await trial.CreateAsync(job, string.Concat(Enumerable.Repeat("""{"text":"the quick brown fox jumps over the lazy dog"}""" + "\n", 40)));

        await trial.RunAsync(job);

        Assert.True((await trial.ResultAsync(job)).Job.TrainedTokens > 0);
    }

    [Fact]
    public async Task A_line_without_room_for_an_answer_is_named_and_nothing_is_trained()
    {
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank: 2), s_examples + $$"""{"prompt":"{{string.Concat(Enumerable.Repeat("fox and ", 80))}}","completion":"dog"}""" + "\n");

        await trial.RunAsync(job);

        var ended = await trial.FindAsync(job);
        Assert.Equal((FineTuningStatus.Failed, "training_file", 0), (ended.Status, ended.ErrorParam, ended.CheckpointStep));
        Assert.Contains(string.Create(CultureInfo.InvariantCulture, $"line {NumExamples + 1}: "), ended.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_shutdown_keeps_the_step_in_work_and_is_not_the_jobs_fault()
    {
        var undisturbed = await UndisturbedAsync(rank: 2);
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank: 2), s_examples);
        await trial.PlanAsync(job);
        using var shutdown = new CancellationTokenSource();
        var running = trial.Worker().RunAsync(TrainingTrial.Message(job), shutdown.Token);
        while ((await trial.FindAsync(job)).CheckpointStep == 0)
            await Task.Yield();
        await shutdown.CancelAsync();
        await Task.WhenAny(running);

        int step = (await trial.FindAsync(job)).CheckpointStep;
        Assert.InRange(step, 1, NumSteps);
        Assert.Equal(0, (await trial.FindAsync(job)).FailedRuns);
        await trial.RunAsync(job);

        var result = await trial.ResultAsync(job);
        Assert.Equal((undisturbed.Model, undisturbed.Metrics), (result.Model, result.Metrics));
    }

    [Fact]
    public async Task A_paused_job_stops_at_a_checkpoint_and_goes_on_when_resumed()
    {
        var undisturbed = await UndisturbedAsync(rank: 2);
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank: 2), s_examples);
        await trial.PlanAsync(job);
        var running = trial.Worker(time: TimeProvider.System).RunAsync(TrainingTrial.Message(job), CancellationToken.None);
        while ((await trial.FindAsync(job)).Step == 0)
            await Task.Yield();
        await trial.ChangeAsync(job, current => current.Status = FineTuningStatus.Paused);
        await running;

        Assert.True((await trial.FindAsync(job)).CheckpointStep > 0);
        await trial.Worker().RunAsync(TrainingTrial.Message(job), CancellationToken.None);
        Assert.NotEqual(FineTuningStatus.Running, (await trial.FindAsync(job)).Status);
        await trial.ChangeAsync(job, current => current.Status = FineTuningStatus.Queued);
        await trial.RunAsync(job);

        var result = await trial.ResultAsync(job);
        Assert.Equal((undisturbed.Model, undisturbed.Metrics), (result.Model, result.Metrics));
    }

    [Fact]
    public async Task A_job_that_is_resumed_before_its_paused_run_has_stopped_keeps_the_runs_checkpoint()
    {
        var undisturbed = await UndisturbedAsync(rank: 2);
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank: 2), s_examples);
        await trial.PlanAsync(job);
        var running = trial.Worker(time: TimeProvider.System).RunAsync(TrainingTrial.Message(job), CancellationToken.None);
        while ((await trial.FindAsync(job)).Step == 0)
            await Task.Yield();
        await trial.ChangeAsync(job, current => current.Status = FineTuningStatus.Paused);
        int before = (await trial.ChangeAsync(job, current => current.Status = FineTuningStatus.Queued))!.CheckpointStep;
        await running;

        var stopped = await trial.FindAsync(job);
        Assert.Equal((FineTuningStatus.Queued, 1), (stopped.Status, stopped.Epoch));
        Assert.True(stopped.CheckpointStep > before);
        await trial.RunAsync(job);

        var result = await trial.ResultAsync(job);
        Assert.Equal((undisturbed.Model, undisturbed.Metrics), (result.Model, result.Metrics));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_run_whose_job_was_taken_over_or_cancelled_changes_nothing_any_more(bool isCancelled)
    {
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank: 2), s_examples);
        await trial.PlanAsync(job);
        var unpublished = await LeaveUnpublishedAsync(trial, job);
        var stale = trial.Worker().RunAsync(TrainingTrial.Message(job), CancellationToken.None);
        while ((await trial.FindAsync(job)).CheckpointStep == 0)
            await Task.Yield();
        var taken = await trial.ChangeAsync(job, current => (current.Status, current.Epoch) = isCancelled ? (FineTuningStatus.Cancelled, current.Epoch) : (FineTuningStatus.Running, current.Epoch + 1));
        await stale;

        var now = await trial.FindAsync(job);
        Assert.Equal((taken!.Status, taken.Epoch, taken.CheckpointEpoch, taken.CheckpointStep), (now.Status, now.Epoch, now.CheckpointEpoch, now.CheckpointStep));
        Assert.True(now.CheckpointStep < NumSteps);
        Assert.Equal(isCancelled, !await unpublished.ExistsAsync());
    }

    [Fact]
    public async Task A_job_whose_runs_die_without_a_checkpoint_is_given_up()
    {
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank: 2), s_examples);
        await trial.PlanAsync(job);
        await trial.ChangeAsync(job, current => current.FailedRuns = 3);

        await trial.Worker().RunAsync(TrainingTrial.Message(job), CancellationToken.None);

        Assert.Equal((FineTuningStatus.Failed, "server_error"), ((await trial.FindAsync(job)).Status, (await trial.FindAsync(job)).ErrorCode));
    }

    [Fact]
    public async Task A_job_that_another_worker_trains_is_put_off()
    {
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank: 2), s_examples);
        await trial.PlanAsync(job);
        await (await new FineTuningBlobs(trial.Storage, job).LeaseAsync(CancellationToken.None)).AcquireAsync(TimeSpan.FromSeconds(60));

        await Assert.ThrowsAsync<TryAgainException>(() => trial.Worker().RunAsync(TrainingTrial.Message(job), CancellationToken.None));
        Assert.Equal(0, (await trial.FindAsync(job)).Epoch);
    }

    public static TheoryData<Fault, int?> Faults
    {
        get
        {
            TheoryData<Fault, int?> data = [];
            foreach (var fault in Enum.GetValues<Fault>().Where(fault => fault is not (Fault.None or Fault.NotFound)))
                data.Add(fault, (int)fault % 2 == 0 ? 2 : null);
            return data;
        }
    }

    /// <summary>A seeded sample; 404 is left out: a job whose files storage denies has failed, and rightly.</summary>
    [Theory]
    [MemberData(nameof(Faults))]
    public async Task The_result_is_that_of_an_undisturbed_training_whatever_happens_at_whichever_call(Fault fault, int? rank)
    {
        const int seed = 20261, numTrials = 3;
        var (undisturbed, calls) = await UndisturbedCallsAsync(rank);
        var random = new Random(seed + (int)fault);
        foreach (int atCall in Enumerable.Range(0, numTrials).Select(_ => random.Next(1, calls + 1)).ToList())
        {
            var trial = NewTrial();
            var job = await trial.CreateAsync(Job(rank), s_examples);
            await trial.RunAsync(job, fault, atCall);

            var result = await trial.ResultAsync(job);
            Assert.Equal((atCall, undisturbed.Model, undisturbed.Metrics), (atCall, result.Model, result.Metrics));
        }
    }

    /// <summary>One seeded call for each fault; for 404 the first one, by which storage denies the job itself: a sweep has to find it.</summary>
    [Theory]
    [MemberData(nameof(Faults))]
    [InlineData(Fault.NotFound, 2)]
    public async Task Planning_finishing_and_sweeping_may_meet_any_fault_as_well(Fault fault, int? rank)
    {
        const int seed = 20262, numCalls = 25;
        var undisturbed = await UndisturbedAsync(rank);
        int atCall = fault == Fault.NotFound ? 1 : new Random(seed + (int)fault).Next(1, numCalls + 1);
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank), s_examples);
        await trial.RunAsync(job, fault, atCall, inFunctions: true);

        var result = await trial.ResultAsync(job);
        Assert.Equal((atCall, undisturbed.Model, undisturbed.Metrics), (atCall, result.Model, result.Metrics));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var trial in _trials)
            await trial.DisposeAsync();
        _tensors.Dispose();
    }

    private async Task<Trained> UndisturbedAsync(int? rank) => (await UndisturbedCallsAsync(rank)).Trained;

    private async Task<(Trained Trained, int Calls)> UndisturbedCallsAsync(int? rank)
    {
        var trial = NewTrial();
        var job = await trial.CreateAsync(Job(rank), s_examples);
        int calls = await trial.RunAsync(job);
        return (await trial.ResultAsync(job), calls);
    }

    private TrainingTrial NewTrial()
    {
        _trials.Add(new TrainingTrial(fixture.NewConnectionString(), model.Folder, TinyModel.Id, _tensors));
        return _trials[^1];
    }

    /// <summary>A file of a checkpoint whose run came to no end.</summary>
    private static async Task<BlobClient> LeaveUnpublishedAsync(TrainingTrial trial, FineTuningJobRecord job)
    {
        var blob = trial.Storage.Container(StorageNames.ModelsContainer).GetBlobClient($"{FineTuningBlobs.Folder(job, epoch: 1, step: 99)}/adapter_model.safetensors");
        await blob.UploadAsync(BinaryData.FromString("half"));
        return blob;
    }

    private static FineTuningJobRecord Job(int? rank, string from = "") => new()
    {
        Method = FineTuningMethod.Supervised,
        Model = from,
        Suffix = "mine",
        Seed = 7,
        Epochs = 2,
        BatchSize = 2,
        LearningRateMultiplier = 100,
        LoraRank = rank,
        LoraAlpha = rank * 2,
    };

    private static async Task<int[]> PredictAsync(ModelLoading loading, string id)
    {
        using var lease = await loading.AcquireAsync(TrainingTrial.Tenant, id, isAlone: false, CancellationToken.None);
        int[] canvas = [1, 2, 3, .. Enumerable.Repeat(lease.Model.MaskTokenId, 20)];
        return [.. (await lease.Model.Calls(CancellationToken.None).SampleAsync(new Diffusion.Sampling.SamplingRow(canvas, new Diffusion.Sampling.SamplingOptions()))).Tokens];
    }
}
