using System.Globalization;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Training;
using LLaDA.Diffusion.Training.Reporting;

namespace LLaDA.Batch.Worker.Training;

/// <summary>
/// Checkpoints of jobs in Blob storage. A checkpoint is published by one conditional write on the job's record, which names the run that
/// wrote it: before that its blobs are not used, and a stale run fails at it. The next run may repeat the steps after the publication.
/// </summary>
public sealed class TrainingCheckpoints(
    StorageAccount storage, ModelFolders folders, FineTuningStore jobs, FineTuningEvents events, FineTunedModels tuned, FileStore files)
{
    /// <summary>Files of a checkpoint that only the trainer reads.</summary>
    private static readonly string[] s_state = ["optimizer.safetensors", "average.safetensors", "state.json", Manifest.FileName];

    /// <summary>Publishes a checkpoint of this run.</summary>
    /// <param name="from">The model that the job began with.</param>
    /// <param name="runFolder">With the metrics so far.</param>
    /// <param name="tokenizerFolder">With what a whole model needs besides its weights; null for an adapter.</param>
    /// <returns>The record with it.</returns>
    /// <exception cref="StaleRunException">A later run has begun or the job has ended: nothing is published.</exception>
    public async Task<FineTuningJobRecord> PublishAsync(
        FineTuningJobRecord job, ModelRecord from, TrainingProgress progress, string runFolder, string? tokenizerFolder, CancellationToken cancellation)
    {
        var (step, blobs) = (progress.Metrics.Step, new FineTuningBlobs(storage, job));
        await jobs.RequireCurrentAsync(job, cancellation);   // an upload may take minutes: a stale run does not begin it
        await UploadAsync(job, blobs, progress, runFolder, tokenizerFolder, cancellation);
        if (step == job.NumSteps)
            await WriteMetricsAsync(job, runFolder, cancellation);

        long tokens = progress.Metrics.NumTokens;
        var published = await jobs.UpdateRunAsync(job, current => current.TryPublish(job.RunNumber, step, tokens), cancellation);
        await ConfirmAsync(published, from, progress.Metrics, cancellation);
        return published;
    }

    /// <summary>Lists the published checkpoint, makes it a model, and drops what its predecessors needed to go on.</summary>
    public async Task ConfirmAsync(FineTuningJobRecord job, ModelRecord from, TrainingMetrics metrics, CancellationToken cancellation)
    {
        var checkpoint = new CheckpointRecord { Step = job.CheckpointStep, RunNumber = job.CheckpointRun, TrainLoss = metrics.Loss, ValidLoss = metrics.ValidationLoss };
        await tuned.AddCheckpointAsync(job, from, checkpoint, cancellation);
        string message = $"Checkpoint created at step {job.CheckpointStep} with the name {checkpoint.Model}";
        await events.AddAsync(job, new FineTuningEvent(FineTuningEventKind.Checkpoint, message) { Step = job.CheckpointStep }, cancellation);
        await new FineTuningBlobs(storage, job).DeleteStatesAsync(job.CheckpointRun, job.CheckpointStep, cancellation);
    }

    /// <summary>Fetches the published checkpoint, so that a trainer finds it in its folder.</summary>
    public async Task RestoreAsync(FineTuningJobRecord job, string runFolder, CancellationToken cancellation)
    {
        string model = FineTuningBlobs.Folder(job, job.CheckpointRun, job.CheckpointStep);
        string local = Directory.CreateDirectory(Trainer.CheckpointFolder(runFolder, job.CheckpointStep)).FullName;
        var manifest = ModelManifest.Parse(await folders.FindManifestAsync(model, cancellation) ?? throw new CheckpointException(model, "is gone"), model);
        foreach (string name in manifest.Files.Keys)
        {
            await using var file = File.Create(Path.Combine(local, name));
            await folders.DownloadAsync(model, name, file, cancellation);
        }
        await new FineTuningBlobs(storage, job).ReadStateAsync(job.CheckpointRun, job.CheckpointStep, local, cancellation);
        File.Move(Path.Combine(local, MetricsLog.FileName), Path.Combine(runFolder, MetricsLog.FileName), overwrite: true);
    }

    private async Task UploadAsync(FineTuningJobRecord job, FineTuningBlobs blobs, TrainingProgress progress, string runFolder, string? tokenizerFolder, CancellationToken cancellation)
    {
        string local = progress.Checkpoint!;
        int step = progress.Metrics.Step;
        foreach (string path in s_state.Select(name => Path.Combine(local, name)).Where(File.Exists).Append(Path.Combine(runFolder, MetricsLog.FileName)))
            await blobs.WriteStateAsync(job.RunNumber, step, path, cancellation);
        var model = ModelFolders.FilesOf(local).Where(file => !s_state.Contains(file.Name));
        var tokenizer = tokenizerFolder is null ? [] : ModelFolders.FilesOf(tokenizerFolder).Where(file => file.Name.StartsWith("tokenizer", StringComparison.Ordinal));
        await folders.UploadAsync(FineTuningBlobs.Folder(job, job.RunNumber, step), model.Concat(tokenizer), progress: null, cancellation);
    }

    /// <summary>The metrics of all steps as the result file; whoever writes it writes the same.</summary>
    private async Task WriteMetricsAsync(FineTuningJobRecord job, string runFolder, CancellationToken cancellation)
    {
        await using var file = files.Write(job.Tenant, job.ResultFileKey!, cancellation);
        await using (var writer = new StreamWriter(file.Content, leaveOpen: true))
        {
            await writer.WriteLineAsync("step,train_loss,valid_loss,learning_rate,gradient_norm,tokens");
            foreach (var step in MetricsLog.Read(runFolder))
                await writer.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"{step.Step},{step.Loss},{step.ValidationLoss},{step.LearningRate},{step.GradNorm},{step.NumTokens}"));
        }
        await file.CompleteAsync();
    }
}
