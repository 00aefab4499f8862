using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion.Training.Reporting;

namespace LLaDA.Batch.Worker.Training;

/// <summary>One run of a job: trains from the last checkpoint, publishes new ones, and stops when it is cancelled or paused.</summary>
internal sealed class TrainingRun(
    FineTuningStore jobs,
    FineTuningEvents events,
    TrainingCheckpoints checkpoints,
    TrainingInputs inputs,
    TensorThread tensors,
    Hardware hardware,
    TimeProvider time)
{
    /// <summary>Metric events of a whole training, besides those of its checkpoints.</summary>
    private const int MaxMetricEvents = 100;

    /// <param name="run">The job, as its run began.</param>
    /// <param name="turn">Once it is over, the step in progress is kept in a checkpoint.</param>
    /// <param name="lost">The lease was lost: another run may train the job, so nothing more is written.</param>
    /// <param name="stop">The worker shuts down: as at the end of the turn.</param>
    /// <returns>The job as this run left it.</returns>
    /// <exception cref="StaleRunException">A later run has begun, or the job has ended.</exception>
    /// <exception cref="OperationCanceledException">The run was stopped before its end.</exception>
    public async Task<FineTuningJobRecord> RunAsync(
        FineTuningJobRecord run, TrainingTurn turn, CancellationToken lost, CancellationToken stop)
    {
        await using var watch = new TrainingWatch(jobs, run, time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(lost, watch.Unwanted);
        using var opening = CancellationTokenSource.CreateLinkedTokenSource(ending.Token, stop);
        try
        {
            using var input = await inputs.OpenAsync(run, opening.Token);
            if (input.Data.LongExamples is { } message)
            {
                var counted = new FineTuningEvent(FineTuningEventKind.LongExamples, message) { Level = "warn" };
                await events.AddAsync(run, counted, opening.Token);
            }
            var setup = TrainingSetup.Of(run, input);
            int numSteps = setup.Options.LearningRate.NumSteps;
            var job = await jobs.UpdateRunAsync(run, current => current.TrySetSteps(run.RunNumber, numSteps), opening.Token);

            if (job.CheckpointStep > 0)
                job = await ResumeAsync(job, input, opening.Token);
            if (job.HasLastCheckpoint)
                return job;
            bool WantsToStop() => watch.IsPaused || turn.Over.IsCancellationRequested || stop.IsCancellationRequested;
            await using var session = await TrainingSession.OpenAsync(tensors, hardware, setup, WantsToStop, opening.Token);
            turn.Start();
            return await TrainAsync(job, setup, session, WantsToStop, ending.Token, stop);
        }
        catch (OperationCanceledException) when (watch.Unwanted.IsCancellationRequested)
        {
            throw new StaleRunException(run.Id, run.RunNumber);
        }
    }

    private async Task<FineTuningJobRecord> TrainAsync(
        FineTuningJobRecord job,
        TrainingSetup setup,
        TrainingSession session,
        Func<bool> wantsToStop,
        CancellationToken ending,
        CancellationToken stop)
    {
        long started = Stopwatch.GetTimestamp();
        int first = job.CheckpointStep;
        var counted = (Step: first, Tokens: job.TrainedTokens);
        int interval = Math.Max(1, job.NumSteps / MaxMetricEvents);
        while (await session.NextAsync(ending))
        {
            var progress = session.Current;
            var metrics = progress.Metrics;
            if (metrics.Step > counted.Step)
            {
                Telemetry.TrainingSteps.Add(metrics.Step - counted.Step);
                Telemetry.TrainingTokens.Add(metrics.NumTokens - counted.Tokens);
                counted = (metrics.Step, metrics.NumTokens);
            }
            if (progress.Checkpoint is not null)
            {
                job = await checkpoints.PublishAsync(job, setup, progress, ending);
                stop.ThrowIfCancellationRequested();
                if (wantsToStop())
                    return job;
            }
            else if (metrics.Step % interval == 0 || metrics.ValidationLoss is not null)
            {
                await ReportAsync(job, metrics, Stopwatch.GetElapsedTime(started) / (metrics.Step - first), ending);
            }
        }
        return job;
    }

    /// <summary>
    /// Restores the last checkpoint, and completes its publication if the run that published it was interrupted. Without it, storage having
    /// lost it, the training begins from the start, and comes to the same result.
    /// </summary>
    private async Task<FineTuningJobRecord> ResumeAsync(FineTuningJobRecord job, TrainingInput input, CancellationToken cancellation)
    {
        if (!await checkpoints.TryRestoreAsync(job, input.Folder, cancellation))
        {
            string message = $"The checkpoint of step {job.CheckpointStep} is lost; training starts from the beginning";
            var lost = new FineTuningEvent(FineTuningEventKind.LostCheckpoint, message)
                { Step = job.CheckpointStep, Run = job.RunNumber, Level = "warn" };
            await events.AddAsync(job, lost, cancellation);
            return await jobs.UpdateRunAsync(job, current => current.TryLoseCheckpoint(job.RunNumber), cancellation);
        }
        if (MetricsLog.Read(input.Folder).LastOrDefault(metrics => metrics.Step == job.CheckpointStep) is { } metrics)
            await checkpoints.ConfirmAsync(job, input.From, metrics, cancellation);
        return job;
    }

    private async Task ReportAsync(FineTuningJobRecord job, TrainingMetrics metrics, TimeSpan timePerStep, CancellationToken cancellation)
    {
        var finishAt = time.GetUtcNow() + (timePerStep * (job.NumSteps - metrics.Step));
        var current = await jobs.UpdateRunAsync(job, current => current.TryReport(job.RunNumber, metrics.Step, finishAt), cancellation);
        string message = string.Create(
            CultureInfo.InvariantCulture, $"Step {metrics.Step}/{current.NumSteps}: training loss={metrics.Loss:F2}");
        if (metrics.ValidationLoss is { } loss)
            message += string.Create(CultureInfo.InvariantCulture, $", validation loss={loss:F2}");
        var data = new
        {
            metrics.Step,
            TrainLoss = metrics.Loss,
            ValidLoss = metrics.ValidationLoss,
            metrics.LearningRate,
            GradientNorm = metrics.GradNorm,
            TotalSteps = current.NumSteps,
        };
        var json = JsonSerializer.SerializeToNode(data, WireJson.Options)!.AsObject();
        foreach (var (name, value) in metrics.Measures ?? new Dictionary<string, double>())
            json[name] = value;
        var reported = new FineTuningEvent(FineTuningEventKind.Metrics, message) { Step = metrics.Step, Data = json.ToJsonString() };
        await events.AddAsync(job, reported, cancellation);
    }
}
