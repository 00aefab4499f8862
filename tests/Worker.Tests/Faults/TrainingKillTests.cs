using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Worker.Tests.Training;

namespace LLaDA.Batch.Worker.Tests.Faults;

/// <summary>
/// A process is killed after each write to storage, one after another, of a training with two checkpoints and of its finish: the job ends
/// once, with the result of an undisturbed one, and leaves nothing behind.
/// </summary>
public sealed class TrainingKillTests(StorageFixture fixture, TinyModel model) : IAsyncDisposable
{
    private const int NumSteps = 2;

    private readonly TrainingTrials _trials = new(fixture, model);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_kill_at_any_write_costs_the_job_nothing(bool inFunctions)
    {
        var trial = await NewAsync();
        var (undisturbed, writes) = await UndisturbedAsync(trial, inFunctions);

        foreach (int atCall in writes)
        {
            var job = await trial.CreateAsync(Job(), TrainingTrials.Examples);
            await trial.RunAsync(job, Fault.KillAfter, atCall, inFunctions);

            var result = await trial.ResultAsync(job);
            Assert.Equal((atCall, undisturbed.Model, undisturbed.Metrics), (atCall, result.Model, result.Metrics));
            await TrainingLeftovers.RequireNoneAsync(trial, job);
        }
    }

    /// <summary>What a killed run had published or uploaded by then is registered, or gone after a day.</summary>
    [Fact]
    public async Task A_job_that_is_cancelled_when_its_worker_is_killed_leaves_only_its_checkpoints()
    {
        var trial = await NewAsync();
        var (_, writes) = await UndisturbedAsync(trial, inFunctions: false);

        foreach (int atCall in writes)
        {
            var job = await trial.CreateAsync(Job(), TrainingTrials.Examples);
            await trial.RunAsync(job, Fault.KillAfter, atCall, isCancelled: true);
            await trial.PurgeAsync();

            Assert.Equal((atCall, FineTuningStatus.Cancelled), (atCall, (await trial.FindAsync(job)).Status));
            await TrainingLeftovers.RequireNoneAsync(trial, job);
        }
    }

    public ValueTask DisposeAsync() => _trials.DisposeAsync();

    private static FineTuningJobRecord Job()
    {
        var job = TrainingTrials.Job(rank: 2);
        (job.Epochs, job.BatchSize) = (1, TrainingTrials.NumExamples / NumSteps);
        return job;
    }

    private async Task<TrainingTrial> NewAsync()
    {
        var trial = _trials.New();
        await trial.PrepareAsync();
        await trial.AddEndpointAsync();
        return trial;
    }

    /// <returns>Also the numbers of the calls that write, of the worker or of the functions.</returns>
    private static async Task<(Trained Result, IReadOnlyList<int> Writes)> UndisturbedAsync(TrainingTrial trial, bool inFunctions)
    {
        var job = await trial.CreateAsync(Job(), TrainingTrials.Examples);
        await trial.RunAsync(job, inFunctions: inFunctions);
        var result = await trial.ResultAsync(job);
        Assert.Equal(NumSteps, result.Job.CheckpointStep);
        await TrainingLeftovers.RequireNoneAsync(trial, job);
        var writes = trial.LastLog.Index().Where(call => !call.Item.StartsWith("GET ", StringComparison.Ordinal)
            && !call.Item.StartsWith("HEAD ", StringComparison.Ordinal)).Select(call => call.Index + 1);
        return (result, [.. writes]);
    }
}
