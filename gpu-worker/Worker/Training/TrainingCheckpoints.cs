using System.Globalization;
using System.Text.Json;
using Azure;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reporting;

namespace LLaDA.Batch.Worker.Training;

/// <summary>
/// Checkpoints of jobs in Blob storage. A checkpoint is published by one conditional write on the job's record, which names the run that
/// wrote it: before that write its blobs are ignored, and a stale run fails at it. The steps after the publication are idempotent, so the
/// next run may repeat them.
/// </summary>
internal sealed class TrainingCheckpoints(
    StorageAccount storage, ModelFolders folders, FineTuningStore jobs, FineTuningEvents events, FineTunedModels tuned, FileStore files)
{
    /// <summary>Files of a checkpoint that only the trainer reads.</summary>
    private static readonly string[] s_state = ["optimizer.safetensors", "average.safetensors", "state.json", Manifest.FileName];

    /// <summary>Publishes a checkpoint of this run.</summary>
    /// <param name="setup">The run's folder holds the metrics so far.</param>
    /// <returns>The updated record.</returns>
    /// <exception cref="StaleRunException">A later run has begun or the job has ended: nothing is published.</exception>
    public async Task<FineTuningJobRecord> PublishAsync(
        FineTuningJobRecord job, TrainingSetup setup, TrainingProgress progress, CancellationToken cancellation)
    {
        int step = progress.Metrics.Step;
        await jobs.RequireCurrentAsync(job, cancellation);   // spares a stale run an upload of minutes
        await UploadAsync(job, setup, progress, cancellation);
        if (step == job.NumSteps)
            await WriteMetricsAsync(job, setup.Input.Folder, cancellation);

        long tokens = progress.Metrics.NumTokens;
        var published = await jobs.UpdateRunAsync(job, current => current.TryPublish(job.RunNumber, step, tokens), cancellation);
        await ConfirmAsync(published, setup.Input.From, progress.Metrics, cancellation);
        return published;
    }

    /// <summary>Lists the published checkpoint, registers it as a model, and deletes the training state of its predecessors.</summary>
    public async Task ConfirmAsync(FineTuningJobRecord job, ModelRecord from, TrainingMetrics metrics, CancellationToken cancellation)
    {
        var checkpoint = new CheckpointRecord
        {
            Step = job.CheckpointStep,
            RunNumber = job.CheckpointRun,
            TrainLoss = metrics.Loss,
            ValidLoss = metrics.ValidationLoss,
            Measures = metrics.Measures is { } measures ? JsonSerializer.Serialize(measures) : null,
        };
        await tuned.AddCheckpointAsync(job, from, checkpoint, cancellation);
        string message = $"Checkpoint created at step {job.CheckpointStep} with the name {checkpoint.Model}";
        var created = new FineTuningEvent(FineTuningEventKind.Checkpoint, message) { Step = job.CheckpointStep };
        await events.AddAsync(job, created, cancellation);
        await new FineTuningBlobs(storage, job).DeleteStatesAsync(job.CheckpointRun, job.CheckpointStep, cancellation);
    }

    /// <summary>Downloads the published checkpoint into the run's folder, where the trainer resumes from it.</summary>
    /// <returns>False where storage has lost some of it, as a killed Azurite does; nothing of it is in the folder then.</returns>
    public async Task<bool> TryRestoreAsync(FineTuningJobRecord job, string runFolder, CancellationToken cancellation)
    {
        string local = Directory.CreateDirectory(Trainer.CheckpointFolder(runFolder, job.CheckpointStep)).FullName;
        if (await DownloadAsync(job, local, cancellation) || await DownloadAsync(job, local, cancellation))      // looked for twice
        {
            File.Move(Path.Combine(local, MetricsLog.FileName), Path.Combine(runFolder, MetricsLog.FileName), overwrite: true);
            return true;
        }
        Directory.Delete(local, recursive: true);
        return false;
    }

    /// <returns>Whether all of it was there.</returns>
    private async Task<bool> DownloadAsync(FineTuningJobRecord job, string local, CancellationToken cancellation)
    {
        string model = FineTuningBlobs.Folder(job, job.CheckpointRun, job.CheckpointStep);
        try
        {
            if (await folders.FindManifestAsync(model, cancellation) is not { } json)
                return false;
            foreach (string name in ModelManifest.Parse(json, model).Files.Keys)
            {
                await using var file = File.Create(Path.Combine(local, name));
                await folders.DownloadAsync(model, name, file, cancellation);
            }
            await new FineTuningBlobs(storage, job).ReadStateAsync(job.CheckpointRun, job.CheckpointStep, local, cancellation);
            return File.Exists(Path.Combine(local, Manifest.FileName)) && File.Exists(Path.Combine(local, MetricsLog.FileName));
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            return false;
        }
    }

    private async Task UploadAsync(FineTuningJobRecord job, TrainingSetup setup, TrainingProgress progress, CancellationToken cancellation)
    {
        var blobs = new FineTuningBlobs(storage, job);
        string local = progress.Checkpoint!;
        int step = progress.Metrics.Step;
        var state = s_state.Select(name => Path.Combine(local, name)).Where(File.Exists);
        foreach (string path in state.Append(Path.Combine(setup.Input.Folder, MetricsLog.FileName)))
            await blobs.WriteStateAsync(job.RunNumber, step, path, cancellation);
        var model = ModelFolders.FilesOf(local).Where(file => !s_state.Contains(file.Name));
        var tokenizer = setup.TokenizerFolder is { } folder
            ? ModelFolders.FilesOf(folder).Where(file => TokenizerFiles.Contains(file.Name))
            : [];
        await folders.UploadAsync(FineTuningBlobs.Folder(job, job.RunNumber, step), model.Concat(tokenizer), progress: null, cancellation);
    }

    /// <summary>Writes the metrics of all steps as the result file. Every run writes the same content.</summary>
    private async Task WriteMetricsAsync(FineTuningJobRecord job, string runFolder, CancellationToken cancellation)
    {
        await using var file = files.Write(job.Tenant, job.ResultFileKey!, cancellation);
        await using (var writer = new StreamWriter(file.Content, leaveOpen: true))
        {
            // Read twice rather than held: a log may have a million lines. What is measured now and then has a column from the start.
            string[] measured =
                [.. MetricsLog.Read(runFolder).SelectMany(step => step.Measures?.Keys ?? []).Distinct(StringComparer.Ordinal)];
            string[] columns = ["step", "train_loss", "valid_loss", "learning_rate", "gradient_norm", "tokens", .. measured];
            await writer.WriteLineAsync(string.Join(',', columns));
            foreach (var step in MetricsLog.Read(runFolder))
            {
                object?[] values =
                [
                    step.Step, step.Loss, step.ValidationLoss, step.LearningRate, step.GradNorm, step.NumTokens,
                    .. measured.Select(name => step.Measures?.TryGetValue(name, out double value) == true ? (object)value : null),
                ];
                var written = values.Select(value => Convert.ToString(value, CultureInfo.InvariantCulture));
                await writer.WriteLineAsync(string.Join(',', written));
            }
        }
        await file.CompleteAsync();
    }
}
