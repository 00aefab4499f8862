using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Shared.FineTuning;

/// <summary>Registers the checkpoints and the result of a job as models that its tenant can name. Idempotent.</summary>
public sealed class FineTunedModels(StorageAccount storage, ModelCatalog catalog, ModelDeletion deletion, TimeProvider time)
{
    private const string NamePrefix = "ft:", CheckpointInfix = ":ckpt-step-";
    private const int NameDigits = 12;

    public TableOf<CheckpointRecord> Checkpoints { get; } = new(storage.Table(StorageNames.CheckpointsTable));

    /// <summary>Whether a model of this name was made by a job: names given by operators have no colons.</summary>
    public static bool IsName(string id) => id.StartsWith(NamePrefix, StringComparison.Ordinal);

    /// <summary>Whether a model of this name is a checkpoint, and not the result of a job.</summary>
    public static bool IsCheckpoint(string id) => IsName(id) && id.Contains(CheckpointInfix, StringComparison.Ordinal);

    /// <summary>
    /// OpenAI's pattern <c>ft:base:organization:suffix:id</c>, without an organization. A fine-tuned model that is tuned again keeps its
    /// base in the name.
    /// </summary>
    public static string NameOf(FineTuningJobRecord job)
    {
        string root = IsName(job.Model) ? job.Model[NamePrefix.Length..].Split("::")[0] : job.Model;
        return $"{NamePrefix}{root}::{job.Suffix}:{job.RowKey[^NameDigits..]}";
    }

    public static string NameOf(FineTuningJobRecord job, int step) => $"{NameOf(job)}{CheckpointInfix}{step}";

    /// <summary>Registers a published checkpoint, as a model and in the job's list.</summary>
    /// <param name="from">The model that the job began with.</param>
    public async Task AddCheckpointAsync(
        FineTuningJobRecord job, ModelRecord from, CheckpointRecord checkpoint, CancellationToken cancellation)
    {
        checkpoint.Model = NameOf(job, checkpoint.Step);
        (checkpoint.PartitionKey, checkpoint.RowKey) = (CheckpointRecord.Partition(job), CheckpointRecord.Key(checkpoint.Step));
        checkpoint.CreatedAt = time.GetUtcNow();
        await RegisterAsync(job, from, checkpoint.Model, checkpoint.RunNumber, checkpoint.Step, cancellation);
        var known = await Checkpoints.FindAsync(checkpoint.PartitionKey, checkpoint.RowKey, cancellation);
        if (known?.RunNumber != checkpoint.RunNumber)   // another run's where storage had lost that one
            await Checkpoints.PutAsync(checkpoint, cancellation);
    }

    /// <summary>The last published checkpoint as a model; null until it is registered.</summary>
    public Task<ModelRecord?> FindLastCheckpointAsync(FineTuningJobRecord job, CancellationToken cancellation) =>
        catalog.FindAsync(job.Tenant, NameOf(job, job.CheckpointStep), cancellation);

    /// <summary>Registers the last checkpoint under the name of the result.</summary>
    public Task AddResultAsync(FineTuningJobRecord job, ModelRecord from, CancellationToken cancellation) =>
        RegisterAsync(job, from, NameOf(job), job.CheckpointRun, job.CheckpointStep, cancellation);

    /// <summary>Removes the model of the result; the last checkpoint keeps its files.</summary>
    public Task RemoveResultAsync(FineTuningJobRecord job, CancellationToken cancellation) =>
        deletion.DeleteAsync(job.Tenant, NameOf(job), cancellation);

    /// <summary>Deletes the unneeded uploads of an ended job: all states, and checkpoints that were never published.</summary>
    /// <param name="mayRun">Whether a run may be alive: the last published checkpoint stays, which it may be about to register.</param>
    public async Task DeleteLeftoversAsync(FineTuningJobRecord job, bool mayRun, CancellationToken cancellation)
    {
        var checkpoints = Checkpoints.ListAsync(CheckpointRecord.Partition(job), after: null, cancellation);
        var published = await checkpoints
            .Select(checkpoint => FineTuningBlobs.Folder(job, checkpoint.RunNumber, checkpoint.Step))
            .ToHashSetAsync(cancellationToken: cancellation);
        if (mayRun || await FindLastCheckpointAsync(job, cancellation) is not null)
            published.Add(FineTuningBlobs.Folder(job, job.CheckpointRun, job.CheckpointStep));
        var blobs = new FineTuningBlobs(storage, job);
        await blobs.DeleteStatesAsync(keptRun: 0, keptStep: 0, cancellation);
        await blobs.DeleteModelsAsync(published, cancellation);
    }

    private Task RegisterAsync(FineTuningJobRecord job, ModelRecord from, string name, int run, int step, CancellationToken cancellation) =>
        catalog.RegisterAsync(new ModelRecord
        {
            PartitionKey = job.Tenant,
            Id = name,
            Profile = from.Profile,
            ContextLength = ContextLengthOf(job, from),
            Family = from.Family,
            NumParameters = from.NumParameters,
            NumActiveParameters = from.NumActiveParameters,
            TokenForwardsPerSecond = from.TokenForwardsPerSecond,
            Weights = from.Weights,
            Folder = FineTuningBlobs.Folder(job, run, step),
            BaseModel = !job.TrainsAdapter ? "" : from.BaseModel.Length > 0 ? from.BaseModel : from.Id,
            CreatedAt = time.GetUtcNow(),
        }, cancellation);

    /// <summary>New vectors take positions; a model that has them already leaves as many as it did.</summary>
    private static int ContextLengthOf(FineTuningJobRecord job, ModelRecord from) =>
        from.ContextLength - (from.BaseModel.Length == 0 ? job.NumVirtualTokens ?? 0 : 0);
}
