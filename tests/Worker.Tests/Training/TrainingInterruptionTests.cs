using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using static LLaDA.Batch.Worker.Tests.Training.TrainingTrials;

namespace LLaDA.Batch.Worker.Tests.Training;

/// <summary>Fine-tuning jobs that are stopped, taken over or disturbed by faults end as undisturbed ones, or as somebody asked.</summary>
public sealed class TrainingInterruptionTests(StorageFixture fixture, TinyModel model) : IAsyncDisposable
{
    private readonly TrainingTrials _trials = new(fixture, model);

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

    [Fact]
    public async Task A_shutdown_keeps_the_step_in_work_and_is_not_the_jobs_fault()
    {
        var undisturbed = await _trials.UndisturbedAsync(rank: 2);
        var trial = _trials.New();
        var job = await StoppedAsync(trial);

        int step = (await trial.FindAsync(job)).CheckpointStep;
        Assert.InRange(step, 1, NumSteps);
        Assert.Equal(0, (await trial.FindAsync(job)).FailedRuns);
        await trial.RunAsync(job);

        var result = await trial.ResultAsync(job);
        Assert.Equal((undisturbed.Model, undisturbed.Metrics), (result.Model, result.Metrics));
    }

    /// <summary>As a killed Azurite does, which forgets blobs and rows each to an instant of their own.</summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task A_job_whose_checkpoint_storage_has_lost_starts_from_the_beginning_and_ends_as_an_undisturbed_one(
        bool losesState, bool losesModel)
    {
        var undisturbed = await _trials.UndisturbedAsync(rank: 2);
        var trial = _trials.New();
        var job = await StoppedAsync(trial);
        var blobs = new FineTuningBlobs(trial.Storage, job);
        if (losesState)
            await blobs.DeleteStatesAsync(keptRun: 0, keptStep: 0, CancellationToken.None);
        if (losesModel)
            await blobs.DeleteModelsAsync(new HashSet<string>(), CancellationToken.None);

        await trial.RunAsync(job);

        var result = await trial.ResultAsync(job);
        Assert.Equal((undisturbed.Model, undisturbed.Metrics), (result.Model, result.Metrics));
        var checkpoints = await trial.Models.Checkpoints.ListAsync(CheckpointRecord.Partition(job), after: null, CancellationToken.None)
            .ToListAsync();
        var ended = await trial.FindAsync(job);
        Assert.All(checkpoints, checkpoint => Assert.Equal(ended.CheckpointRun, checkpoint.RunNumber));
    }

    [Fact]
    public async Task A_job_whose_slice_is_over_makes_room_for_another_tenant_and_ends_as_an_undisturbed_one()
    {
        var undisturbed = await _trials.UndisturbedAsync(rank: 2);
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank: 2), Examples);
        await trial.PlanAsync(job);
        string queue = StorageNames.TrainQueue(StorageNames.DefaultProfile);
        await trial.Storage.Queue(queue).ClearMessagesAsync();
        await trial.Storage.Queue(queue).SendMessageAsync("""{"tenant":"other","job":"none"}""");
        var worker = trial.Worker();

        int numSlices = 0;
        while (true)
        {
            int before = (await trial.FindAsync(job)).CheckpointStep;
            var running = worker.RunAsync(TrainingTrial.Message(job), CancellationToken.None);
            while (!running.IsCompleted)
            {
                trial.Time.Advance(TimeSpan.FromSeconds(1));
                await trial.FindAsync(job);     // storage answers in between: leases are renewed
            }
            if (running.IsCompletedSuccessfully)
                break;
            Assert.Equal(TimeSpan.Zero, (await Assert.ThrowsAsync<TryAgainException>(() => running)).Delay);
            var stopped = await trial.FindAsync(job);
            Assert.True(stopped.CheckpointStep > before);
            Assert.Equal((FineTuningStatus.Running, 0), (stopped.Status, stopped.FailedRuns));
            numSlices++;
        }

        Assert.True(numSlices > 0);
        await trial.RunAsync(job);
        var result = await trial.ResultAsync(job);
        Assert.Equal((undisturbed.Model, undisturbed.Metrics), (result.Model, result.Metrics));
    }

    [Fact]
    public async Task A_paused_job_stops_at_a_checkpoint_and_goes_on_when_resumed()
    {
        var undisturbed = await _trials.UndisturbedAsync(rank: 2);
        var trial = _trials.New();
        var (job, running) = await PauseAtWorkAsync(trial);
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
        var undisturbed = await _trials.UndisturbedAsync(rank: 2);
        var trial = _trials.New();
        var (job, running) = await PauseAtWorkAsync(trial);
        int before = (await trial.ChangeAsync(job, current => current.Status = FineTuningStatus.Queued))!.CheckpointStep;
        await running;

        var stopped = await trial.FindAsync(job);
        Assert.Equal((FineTuningStatus.Queued, 1), (stopped.Status, stopped.RunNumber));
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
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank: 2), Examples);
        await trial.PlanAsync(job);
        var unpublished = await LeaveUnpublishedAsync(trial, job);
        var stale = trial.Worker().RunAsync(TrainingTrial.Message(job), CancellationToken.None);
        while ((await trial.FindAsync(job)).CheckpointStep == 0)
            await Task.Yield();
        var taken = await trial.ChangeAsync(
            job, current => (current.Status, current.RunNumber) = isCancelled
            ? (FineTuningStatus.Cancelled, current.RunNumber) : (FineTuningStatus.Running, current.RunNumber + 1));
        await stale;

        var now = await trial.FindAsync(job);
        Assert.Equal(
            (taken!.Status, taken.RunNumber, taken.CheckpointRun, taken.CheckpointStep),
            (now.Status, now.RunNumber, now.CheckpointRun, now.CheckpointStep));
        Assert.True(now.CheckpointStep < NumSteps);
        Assert.Equal(isCancelled, !await unpublished.ExistsAsync());
    }

    [Fact]
    public async Task A_job_whose_runs_die_without_a_checkpoint_is_given_up()
    {
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank: 2), Examples);
        await trial.PlanAsync(job);
        await trial.ChangeAsync(job, current => current.FailedRuns = 3);

        await trial.Worker().RunAsync(TrainingTrial.Message(job), CancellationToken.None);

        Assert.Equal(
            (FineTuningStatus.Failed, "server_error"), ((await trial.FindAsync(job)).Status, (await trial.FindAsync(job)).ErrorCode));
    }

    [Fact]
    public async Task A_worker_that_dies_once_its_last_checkpoint_is_published_costs_the_job_nothing()
    {
        var undisturbed = await _trials.UndisturbedAsync(rank: 2);
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank: 2), Examples);
        await trial.PlanAsync(job);
        await trial.Worker().RunAsync(TrainingTrial.Message(job), CancellationToken.None);
        var published = await trial.FindAsync(job);
        Assert.True(published.HasLastCheckpoint);
        await ForgetLastCheckpointAsync(trial, published);
        foreach (string queue in new[] { StorageNames.TrainQueue(StorageNames.DefaultProfile), StorageNames.FinishTrainingQueue })
            await trial.Storage.Queue(queue).ClearMessagesAsync();

        await trial.RunAsync(job);

        var result = await trial.ResultAsync(job);
        Assert.Equal((undisturbed.Model, undisturbed.Metrics), (result.Model, result.Metrics));
    }

    [Fact]
    public async Task A_job_that_another_worker_trains_is_put_off()
    {
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank: 2), Examples);
        await trial.PlanAsync(job);
        await (await new FineTuningBlobs(trial.Storage, job).LeaseAsync(CancellationToken.None)).AcquireAsync(TimeSpan.FromSeconds(60));

        await Assert.ThrowsAsync<TryAgainException>(() => trial.Worker().RunAsync(TrainingTrial.Message(job), CancellationToken.None));
        Assert.Equal(0, (await trial.FindAsync(job)).RunNumber);
    }

    /// <summary>A seeded sample; 404 is left out: a job whose files storage denies has failed, and rightly.</summary>
    [Theory]
    [MemberData(nameof(Faults))]
    public async Task The_result_is_that_of_an_undisturbed_training_whatever_happens_at_whichever_call(Fault fault, int? rank)
    {
        const int seed = 20261, numTrials = 3;
        var (undisturbed, calls) = await _trials.UndisturbedCallsAsync(rank);
        var random = new Random(seed + (int)fault);
        foreach (int atCall in Enumerable.Range(0, numTrials).Select(_ => random.Next(1, calls + 1)).ToList())
        {
            var trial = _trials.New();
            var job = await trial.CreateAsync(Job(rank), Examples);
            await trial.RunAsync(job, fault, atCall);

            var result = await trial.ResultAsync(job);
            Assert.Equal((atCall, undisturbed.Model, undisturbed.Metrics), (atCall, result.Model, result.Metrics));
        }
    }

    /// <summary>
    /// One seeded call for each fault; for 404 the first one, by which storage denies the job itself: a sweep has to find it.
    /// </summary>
    [Theory]
    [MemberData(nameof(Faults))]
    [InlineData(Fault.NotFound, 2)]
    public async Task Planning_finishing_and_sweeping_may_meet_any_fault_as_well(Fault fault, int? rank)
    {
        const int seed = 20262, numCalls = 25;
        var undisturbed = await _trials.UndisturbedAsync(rank);
        int atCall = fault == Fault.NotFound ? 1 : new Random(seed + (int)fault).Next(1, numCalls + 1);
        var trial = _trials.New();
        var job = await trial.CreateAsync(Job(rank), Examples);
        await trial.RunAsync(job, fault, atCall, inFunctions: true);

        var result = await trial.ResultAsync(job);
        Assert.Equal((atCall, undisturbed.Model, undisturbed.Metrics), (atCall, result.Model, result.Metrics));
    }

    public ValueTask DisposeAsync() => _trials.DisposeAsync();

    /// <summary>Takes back what follows the publication.</summary>
    private static async Task ForgetLastCheckpointAsync(TrainingTrial trial, FineTuningJobRecord job)
    {
        await trial.Storage.Table(StorageNames.ModelsTable)
            .DeleteEntityAsync(job.Tenant, ModelRecord.Key(FineTunedModels.NameOf(job, job.CheckpointStep)));
        await trial.Models.Checkpoints.DeleteAsync(
            CheckpointRecord.Partition(job), CheckpointRecord.Key(job.CheckpointStep), CancellationToken.None);
    }

    /// <summary>Pauses a job when its run has taken a step; the run has not seen it yet.</summary>
    /// <summary>A job whose worker was told to stop once it had published a checkpoint.</summary>
    private static async Task<FineTuningJobRecord> StoppedAsync(TrainingTrial trial)
    {
        var job = await trial.CreateAsync(Job(rank: 2), Examples);
        await trial.PlanAsync(job);
        using var shutdown = new CancellationTokenSource();
        var running = trial.Worker().RunAsync(TrainingTrial.Message(job), shutdown.Token);
        while ((await trial.FindAsync(job)).CheckpointStep == 0)
            await Task.Yield();
        await shutdown.CancelAsync();
        await Task.WhenAny(running);
        return job;
    }

    private static async Task<(FineTuningJobRecord Job, Task Running)> PauseAtWorkAsync(TrainingTrial trial)
    {
        var job = await trial.CreateAsync(Job(rank: 2), Examples);
        await trial.PlanAsync(job);
        var running = trial.Worker(time: TimeProvider.System).RunAsync(TrainingTrial.Message(job), CancellationToken.None);
        while ((await trial.FindAsync(job)).Step == 0)
            await Task.Yield();
        await trial.ChangeAsync(job, current => current.Status = FineTuningStatus.Paused);
        return (job, running);
    }
}
