using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Worker;

/// <summary>
/// The settings of a worker (section <c>Worker</c>). Only the composition reads them; it hands each class the part that it needs.
/// </summary>
internal sealed record WorkerOptions
{
    public const string Section = "Worker";

    /// <summary>
    /// Folder whose subfolders are models in Hugging Face layout; a model's id is the name of its folder. Empty: all models come from
    /// storage.
    /// </summary>
    public string ModelsPath { get; init; } = "";

    /// <summary>Folder for models from storage, which belongs to this process alone.</summary>
    public string CachePath { get; init; } = Path.Combine(Path.GetTempPath(), "llada-models");

    /// <summary>Capacity of that folder in bytes: at least the largest model with its adapter.</summary>
    public long CacheBytes { get; init; } = 40_000_000_000;

    /// <summary>
    /// Folder for the data and checkpoints of running trainings, which belongs to this process alone. Its contents are deleted.
    /// </summary>
    public string TrainingPath { get; init; } = Path.Combine(Path.GetTempPath(), "llada-training");

    /// <summary>Whether this worker takes shards.</summary>
    public bool Generates { get; init; } = true;

    /// <summary>
    /// Whether this worker takes fine-tuning jobs, one at a time. A worker that also generates interleaves both step by step.
    /// </summary>
    public bool Trains { get; init; } = true;

    /// <summary>The hardware profile whose queues this worker serves.</summary>
    public string Profile { get; init; } = StorageNames.DefaultProfile;

    /// <summary>Tokens of all rows that share a forward pass, at least 1; null plans them by model and memory.</summary>
    public int? BatchTokens { get; init; }

    /// <summary>Shards in progress at the same time: while one is on the tensor thread, another is read or written.</summary>
    public int ShardsInHand { get; init; } = 2;

    /// <summary>
    /// Shards besides those, each of a tenant that has none in progress here: so a tenant's first shard does not wait behind all those of
    /// others. At least 0.
    /// </summary>
    public int GuestShards { get; init; } = 8;

    /// <summary>
    /// How long a shard or a training may take while others wait, above 0; it then keeps what is finished and goes to the end of the queue.
    /// </summary>
    public TimeSpan Slice { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>Answers at once in progress at the same time, in addition to shards of batches.</summary>
    public int AnswersInHand { get; init; } = 64;

    public DeviceChoice Device { get; init; }

    /// <summary>Memory of the graphics card in bytes, at least 1; null plans for the smallest card that is offered.</summary>
    public long? DeviceBytes { get; init; }

    /// <summary>Type of the matrix products.</summary>
    public ProductType Products { get; init; }

    /// <summary>Type of the weights on a card, where a model was added without one.</summary>
    public WeightChoice Weights { get; init; }

    /// <summary>How long a silent worker keeps a shard or a training, 15 to 60 seconds; leases are renewed at half of it.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long a shutdown may take to store finished work and return the rest, 1 second to an hour; the process then ends regardless.
    /// </summary>
    public TimeSpan GracePeriod { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long the worker may idle before it exits, for platforms that start workers on demand; null: for ever.</summary>
    public TimeSpan? IdleLimit { get; init; }

    /// <summary>Port of the health probes, 1 to 65535; null opens none.</summary>
    public int? HealthPort { get; init; }

    /// <summary>The settings of the device.</summary>
    public DeviceOptions ForDevice => new()
    {
        Choice = Device, DeviceBytes = DeviceBytes, Products = Products, Weights = Weights, BatchTokens = BatchTokens,
    };

    public IEnumerable<string> Validate()
    {
        if (ModelsPath.Length > 0 && !Directory.Exists(ModelsPath))
            yield return $"{Section}:{nameof(ModelsPath)} must be a folder of models; '{ModelsPath}' does not exist";
        if (CachePath.Length == 0 || CacheBytes < 1)
            yield return $"{Section}:{nameof(CachePath)} must be a folder and {Section}:{nameof(CacheBytes)} at least 1";
        if (TrainingPath.Length == 0)
            yield return $"{Section}:{nameof(TrainingPath)} must be a folder";
        if (!Generates && !Trains)
            yield return $"{Section}:{nameof(Generates)} or {Section}:{nameof(Trains)} must be true";
        if (BatchTokens < 1 || ShardsInHand < 1 || AnswersInHand < 1)
        {
            yield return $"{Section}:{nameof(BatchTokens)}, {Section}:{nameof(ShardsInHand)} and {Section}:{nameof(AnswersInHand)} "
                + "must be at least 1";
        }
        if (GuestShards < 0)
            yield return $"{Section}:{nameof(GuestShards)} must be at least 0";
        if (Slice <= TimeSpan.Zero)
            yield return $"{Section}:{nameof(Slice)} must be above 0";
        if (DeviceBytes < 1)
            yield return $"{Section}:{nameof(DeviceBytes)} must be at least 1";
        if (GracePeriod < TimeSpan.FromSeconds(1) || GracePeriod > TimeSpan.FromHours(1))
            yield return $"{Section}:{nameof(GracePeriod)} must lie in [00:00:01, 01:00:00]";
        if (IdleLimit <= TimeSpan.Zero)
            yield return $"{Section}:{nameof(IdleLimit)} must be above 0";
        if (HealthPort is < 1 or > 65535)
            yield return $"{Section}:{nameof(HealthPort)} must lie in [1, 65535]";
        if (LeaseDuration < TimeSpan.FromSeconds(15) || LeaseDuration > TimeSpan.FromMinutes(1))
            yield return $"{Section}:{nameof(LeaseDuration)} must lie in [00:00:15, 00:01:00]";
    }
}
