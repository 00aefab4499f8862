using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Testing;

/// <summary>What an ended fine-tuning job leaves in storage.</summary>
internal static class TrainingLeftovers
{
    /// <summary>
    /// Requires that there are its checkpoints, its result if it has one, and the news of its end, and nothing else: no unpublished upload,
    /// no training state, no row and no message. The queues and the news are emptied.
    /// </summary>
    /// <exception cref="TrialException">Something is missing or left.</exception>
    public static async Task RequireNoneAsync(TrainingTrial trial, FineTuningJobRecord job)
    {
        var ended = await trial.FindAsync(job);
        await RequireModelsAsync(trial, ended);
        await RequireMetricsAsync(trial, ended);
        if (await trial.Jobs.Open.FindAsync(job.Key, CancellationToken.None) is not null)
            throw new TrialException("The job is still among those with something left to do");
        int ends = await new FineTuningEvents(trial.Storage, trial.Time).Records
            .ListAsync(FineTuningEvents.Partition(job), after: null, CancellationToken.None)
            .CountAsync(entry => entry.Message.StartsWith("The job ", StringComparison.Ordinal));
        if (ends != 1)
            throw new TrialException($"{ends} events report the end");
        await RequireNewsAsync(trial.Storage, job);
    }

    private static async Task RequireModelsAsync(TrainingTrial trial, FineTuningJobRecord job)
    {
        var checkpoints = await trial.Models.Checkpoints
            .ListAsync(CheckpointRecord.Partition(job), after: null, CancellationToken.None).ToListAsync();
        string root = $"{job.Tenant}/{job.RowKey}/";
        var models = await new ModelCatalog(trial.Storage).ScanAsync(CancellationToken.None)
            .Where(model => model.Folder.StartsWith(root, StringComparison.Ordinal)).ToListAsync();
        string[] folders = [.. models.Select(model => model.Folder)];
        await foreach (var blob in trial.Storage.Container(StorageNames.ModelsContainer).GetBlobsAsync(
            new Azure.Storage.Blobs.Models.GetBlobsOptions { Prefix = root }, CancellationToken.None))
        {
            if (blob.Name != $"{root}run" && !folders.Contains(blob.Name[..blob.Name.LastIndexOf('/')]))
                throw new TrialException($"{blob.Name} is left of a job that is {job.Status}");
        }
        var expected = checkpoints.Select(checkpoint => FineTunedModels.NameOf(job, checkpoint.Step));
        if (job.Status == FineTuningStatus.Succeeded)
            expected = expected.Append(FineTunedModels.NameOf(job));
        else    // its listing comes after the model
            expected = expected.Union(models.Select(model => model.Id).Where(id => id == FineTunedModels.NameOf(job, job.CheckpointStep)));
        if (!models.Select(model => model.Id).Order().SequenceEqual(expected.Order()))
            throw new TrialException($"The models are {string.Join(", ", models.Select(model => model.Id))}");
        foreach (var model in models)
            await trial.HashesAsync(model.Id);      // its files are there
    }

    private static async Task RequireMetricsAsync(TrainingTrial trial, FineTuningJobRecord job)
    {
        bool hasFile = await trial.Storage.Container(StorageNames.FilesContainer)
            .GetBlobClient($"{job.Tenant}/{job.ResultFileKey}").ExistsAsync();
        if (hasFile != (job.Status == FineTuningStatus.Succeeded))
            throw new TrialException($"The file of metrics of a job that is {job.Status} is {(hasFile ? "left" : "gone")}");
    }

    private static async Task RequireNewsAsync(StorageAccount storage, FineTuningJobRecord job)
    {
        var queue = storage.Queue(StorageNames.WebhookQueue);
        var told = (await queue.ReceiveMessagesAsync(32)).Value
            .Select(message => message.Body.ToObjectFromJson<WebhookMessage>(WireJson.Options)!).ToList();
        if (told.Count == 0 || told.Exists(message => message.Job != job.RowKey || message.Attempt != 0))
            throw new TrialException($"The end was told by {told.Count} messages: {string.Join(", ", told)}");
        await queue.ClearMessagesAsync();
    }
}
