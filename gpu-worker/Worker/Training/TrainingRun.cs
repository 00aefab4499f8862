using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Text;
using LLaDA.Diffusion.Training.Reporting;

namespace LLaDA.Batch.Worker.Training;

/// <summary>One run of a job: fetches what it needs, trains, publishes checkpoints, and stops where it is told to.</summary>
public sealed class TrainingRun(
    FineTuningStore jobs, FineTuningEvents events, TrainingCheckpoints checkpoints, FileStore files, ModelCatalog catalog, ModelResolver loading, ModelCache cache, TensorThread tensors,
    WorkerOptions options, TimeProvider time)
{
    /// <summary>Events of metrics that a whole training tells, besides those of its checkpoints.</summary>
    private const int MaxMetricEvents = 100;

    /// <param name="run">The job, as its run began.</param>
    /// <param name="lost">Somebody else may train the job: nothing is written any more.</param>
    /// <param name="stop">The worker shuts down: the step in work is kept in a checkpoint.</param>
    /// <returns>The job as this run left it.</returns>
    /// <exception cref="StaleRunException">A later run has begun, or the job has ended.</exception>
    /// <exception cref="OperationCanceledException">It was stopped before its end.</exception>
    public async Task<FineTuningJobRecord> RunAsync(FineTuningJobRecord run, CancellationToken lost, CancellationToken stop)
    {
        await using var watch = new TrainingWatch(jobs, run, time);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(lost, watch.Unwanted);
        using var opening = CancellationTokenSource.CreateLinkedTokenSource(ending.Token, stop);
        var from = await catalog.FindAsync(run.Tenant, run.Model, opening.Token) ?? throw new CheckpointException(run.Model, "is not there any more");
        using var model = await ModelFiles.AcquireAsync(await loading.SourceAsync(run.Tenant, run.Model, from, opening.Token), options, cache, opening.Token);
        string folder = NewFolder(run);
        try
        {
            string training = await DownloadAsync(run, run.TrainingFileId!, "training_file", folder, opening.Token);
            string? validation = run.ValidationFileId is { } id ? await DownloadAsync(run, id, "validation_file", folder, opening.Token) : null;
            var config = LLaDAConfigJson.Read(Path.Combine(model.Weights, Checkpoint.ConfigFile));
            using var data = await Task.Run(() => TrainingData.Open(run, training, validation, new LLaDATokenizer(model.Weights), config.MaxSequenceLength), opening.Token);
            var recipe = TrainingRecipe.Options(run, data.Training.NumRows);
            int numSteps = recipe.LearningRate.NumSteps;
            var job = await jobs.UpdateRunAsync(run, current => current.TrySetSteps(run.RunNumber, numSteps), opening.Token);

            if (job.CheckpointStep > 0)
                await ResumeAsync(job, from, folder, opening.Token);
            if (job.HasLastCheckpoint)
                return job;
            var lora = TrainingRecipe.Lora(job, from.BaseModel.Length > 0 ? from.BaseModel : from.Id);
            bool WantsCheckpoint() => watch.IsPaused || stop.IsCancellationRequested;
            await using var session = await TrainingSession.OpenAsync(tensors, data, recipe, lora, model.Weights, model.Adapter, folder, options, WantsCheckpoint, opening.Token);
            return await TrainAsync(job, from, session, folder, lora is null ? model.Weights : null, WantsCheckpoint, ending.Token, stop);
        }
        catch (OperationCanceledException) when (watch.Unwanted.IsCancellationRequested)
        {
            throw new StaleRunException(run.Id, run.RunNumber);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private async Task<FineTuningJobRecord> TrainAsync(
        FineTuningJobRecord job, ModelRecord from, TrainingSession session, string folder, string? tokenizerFolder, Func<bool> wantsToStop, CancellationToken ending, CancellationToken stop)
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
                job = await checkpoints.PublishAsync(job, from, progress, folder, tokenizerFolder, ending);
                stop.ThrowIfCancellationRequested();
                if (wantsToStop())
                    return job;
            }
            else if (metrics.Step % interval == 0 || metrics.ValidationLoss is not null)
            {
                await TellAsync(job, metrics, Stopwatch.GetElapsedTime(started) / (metrics.Step - first), ending);
            }
        }
        return job;
    }

    /// <summary>Brings back the last checkpoint, and makes good what a run that published it may not have come to.</summary>
    private async Task ResumeAsync(FineTuningJobRecord job, ModelRecord from, string folder, CancellationToken cancellation)
    {
        await checkpoints.RestoreAsync(job, folder, cancellation);
        if (MetricsLog.Read(folder).LastOrDefault(metrics => metrics.Step == job.CheckpointStep) is { } metrics)
            await checkpoints.ConfirmAsync(job, from, metrics, cancellation);
    }

    private async Task TellAsync(FineTuningJobRecord job, TrainingMetrics metrics, TimeSpan timePerStep, CancellationToken cancellation)
    {
        var finishAt = time.GetUtcNow() + (timePerStep * (job.NumSteps - metrics.Step));
        var current = await jobs.UpdateRunAsync(job, current => current.TryReport(job.RunNumber, metrics.Step, finishAt), cancellation);
        string message = string.Create(CultureInfo.InvariantCulture, $"Step {metrics.Step}/{current.NumSteps}: training loss={metrics.Loss:F2}");
        if (metrics.ValidationLoss is { } loss)
            message += string.Create(CultureInfo.InvariantCulture, $", validation loss={loss:F2}");
        var data = new { metrics.Step, TrainLoss = metrics.Loss, ValidLoss = metrics.ValidationLoss, metrics.LearningRate, GradientNorm = metrics.GradNorm, TotalSteps = current.NumSteps };
        string json = JsonSerializer.Serialize(data, WireJson.Options);
        await events.AddAsync(job, new FineTuningEvent(FineTuningEventKind.Metrics, message) { Step = metrics.Step, Data = json }, cancellation);
    }

    private async Task<string> DownloadAsync(FineTuningJobRecord run, string fileId, string param, string folder, CancellationToken cancellation)
    {
        var file = await files.FindAsync(run.Tenant, fileId, cancellation) ?? throw new TrainingFileException(param, "file_not_found", "The file was deleted before the training was done");
        string path = Path.Combine(folder, $"{param}.jsonl");
        await files.DownloadAsync(file, path, cancellation);
        return path;
    }

    /// <summary>A folder for the run; what a process that was killed left behind goes.</summary>
    private string NewFolder(FineTuningJobRecord run)
    {
        string root = Directory.CreateDirectory(options.TrainingPath).FullName;
        foreach (string left in Directory.GetDirectories(root))
            Directory.Delete(left, recursive: true);
        return Directory.CreateDirectory(Path.Combine(root, $"{run.RowKey}-{run.RunNumber}")).FullName;
    }
}
