namespace LLaDA.Batch.Shared.Storage;

/// <summary>Every container, table and queue of the system: named here and nowhere else.</summary>
public static class StorageNames
{
    /// <summary>Uploads and results: <c>tenant/key</c>.</summary>
    public const string FilesContainer = "files";

    /// <summary>Plans, shards and parts: <c>tenant/batch/...</c>.</summary>
    public const string BatchesContainer = "batches";

    /// <summary>
    /// Models: a prefix whose blobs are the files of a folder, and <c>manifest.json</c>, written last. Checkpoints of jobs lie under
    /// <c>tenant/job/run/step/...</c>.
    /// </summary>
    public const string ModelsContainer = "models";

    /// <summary>Lists of the data of schedules' jobs: <c>tenant/schedule/...</c>.</summary>
    public const string SchedulesContainer = "schedules";

    public const string FilesTable = "files";
    public const string BatchesTable = "batches";

    /// <summary>Files that come in parts, and the parts.</summary>
    public const string UploadsTable = "uploads";

    public const string ModelsTable = "models";
    public const string KeysTable = "keys";
    public const string WebhooksTable = "webhooks";
    public const string ContainersTable = "containers";

    public const string FineTuningTable = "finetuning";
    public const string EventsTable = "events";
    public const string CheckpointsTable = "checkpoints";
    public const string SchedulesTable = "schedules";
    public const string ScheduleRunsTable = "scheduleruns";

    /// <summary>The answers to requests with an Idempotency-Key.</summary>
    public const string IdempotencyTable = "idempotency";

    /// <summary>What ended batches and answers at once have used.</summary>
    public const string UsageTable = "usage";

    /// <summary>Jobs with something left to do, so that a sweep does not read the others.</summary>
    public const string ActiveTable = "active";

    public const string PlanQueue = "plan";
    public const string FinishQueue = "finish";
    public const string WebhookQueue = "webhook";
    public const string PlanTrainingQueue = "plan-training";
    public const string FinishTrainingQueue = "finish-training";

    private const string GeneratePrefix = "generate-", NowPrefix = "now-", TrainPrefix = "train-";

    /// <summary>The suffix of the queue for messages that failed repeatedly.</summary>
    public const string PoisonSuffix = "-poison";

    /// <summary>The hardware of models that name no other.</summary>
    public const string DefaultProfile = "default";

    public static IReadOnlyList<string> Containers { get; } = [FilesContainer, BatchesContainer, ModelsContainer, SchedulesContainer];

    public static IReadOnlyList<string> Tables { get; } =
    [
        FilesTable, BatchesTable, ModelsTable, KeysTable, WebhooksTable, ContainersTable, ActiveTable, FineTuningTable, EventsTable,
        CheckpointsTable, SchedulesTable, ScheduleRunsTable, IdempotencyTable, UploadsTable, UsageTable,
    ];

    /// <summary>The queues that exist for any hardware.</summary>
    public static IReadOnlyList<string> Queues { get; } = [PlanQueue, FinishQueue, WebhookQueue, PlanTrainingQueue, FinishTrainingQueue];

    /// <summary>The queues that the workers of a hardware profile read.</summary>
    public static IReadOnlyList<string> QueuesOf(string profile) => [GenerateQueue(profile), NowQueue(profile), TrainQueue(profile)];

    public static string GenerateQueue(string profile) => GeneratePrefix + profile;

    /// <summary>Answers at once, which workers take before the shards of batches.</summary>
    public static string NowQueue(string profile) => NowPrefix + profile;

    public static string TrainQueue(string profile) => TrainPrefix + profile;

    public static string PoisonQueue(string queue) => queue + PoisonSuffix;

    /// <summary>The work queue whose failed messages a queue keeps. The poison queue of a poison queue keeps unreadable texts.</summary>
    /// <returns>Null for a queue that is no poison queue of this service.</returns>
    public static string? QueueOfPoison(string name)
    {
        string queue = name;
        while (queue.EndsWith(PoisonSuffix, StringComparison.Ordinal))
            queue = queue[..^PoisonSuffix.Length];
        bool isOurs = Queues.Contains(queue)
            || queue.StartsWith(GeneratePrefix, StringComparison.Ordinal)
            || queue.StartsWith(NowPrefix, StringComparison.Ordinal)
            || queue.StartsWith(TrainPrefix, StringComparison.Ordinal);
        return isOurs && queue != name ? queue : null;
    }
}
