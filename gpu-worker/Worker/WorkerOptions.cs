using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;

namespace LLaDA.Batch.Worker;

/// <summary>What this worker runs and how (section <c>Worker</c>).</summary>
public sealed record WorkerOptions
{
    public const string Section = "Worker";

    /// <summary>Folder whose subfolders are models in Hugging Face layout; a model's id is the name of its folder. Empty: models come from storage alone.</summary>
    public string ModelsPath { get; init; } = "";

    /// <summary>Folder for models from storage, which this process has to itself.</summary>
    public string CachePath { get; init; } = Path.Combine(Path.GetTempPath(), "llada-models");

    /// <summary>What that folder may hold, in bytes: at least the largest model with its adapter.</summary>
    public long CacheBytes { get; init; } = 40_000_000_000;

    /// <summary>Folder for trainings in work, which this process has to itself: data and checkpoints on their way. What it holds is deleted.</summary>
    public string TrainingPath { get; init; } = Path.Combine(Path.GetTempPath(), "llada-training");

    /// <summary>Whether this worker generates, and so takes shards.</summary>
    public bool Generates { get; init; } = true;

    /// <summary>Whether this worker trains, and so takes fine-tuning jobs, one at a time; where it also generates, both take turns step by step.</summary>
    public bool Trains { get; init; } = true;

    /// <summary>The hardware profile whose queue this worker serves.</summary>
    public string Profile { get; init; } = StorageNames.DefaultProfile;

    /// <summary>Tokens of all rows that share a forward pass, at least 1; null plans them by the model and the memory.</summary>
    public int? BatchTokens { get; init; }

    /// <summary>Shards in hand at the same time: while one is on the tensor thread, the other is read or written.</summary>
    public int ShardsInHand { get; init; } = 2;

    /// <summary>What to compute on.</summary>
    public DeviceChoice Device { get; init; }

    /// <summary>Memory of the graphics card in bytes, at least 1; null plans for the smallest that is offered.</summary>
    public long? DeviceBytes { get; init; }

    /// <summary>Whether matrix products run in bfloat16; weights are kept in it as well. Null: on a graphics card.</summary>
    public bool? BFloat16 { get; init; }

    /// <summary>How long a shard stays this worker's when it falls silent, 15 to 60 seconds; renewed at half of it.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How long a shutdown may take to keep what is finished and hand the rest back, 1 second to an hour; after that the process ends without.</summary>
    public TimeSpan GracePeriod { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long there may be nothing to do before the process ends, for a platform that starts one where there is work; null never ends.</summary>
    public TimeSpan? IdleLimit { get; init; }

    /// <summary>Port that answers the platform's probes; null answers none.</summary>
    public int? HealthPort { get; init; }

    public IEnumerable<string> Validate()
    {
        if (ModelsPath.Length > 0 && !Directory.Exists(ModelsPath))
            yield return $"{Section}:{nameof(ModelsPath)} must be a folder of models; '{ModelsPath}' does not exist";
        if (CachePath.Length == 0 || CacheBytes < 1)
            yield return $"{Section}:{nameof(CachePath)} must be a folder and {Section}:{nameof(CacheBytes)} at least 1";
        if (TrainingPath.Length == 0)
            yield return $"{Section}:{nameof(TrainingPath)} must be a folder";
        if (!Generates && !Trains)
            yield return $"One of {Section}:{nameof(Generates)} and {Section}:{nameof(Trains)} must be true: else there is nothing to do";
        if (BatchTokens < 1 || ShardsInHand < 1)
            yield return $"{Section}:{nameof(BatchTokens)} and {Section}:{nameof(ShardsInHand)} must be at least 1";
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
