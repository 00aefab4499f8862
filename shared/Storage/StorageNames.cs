namespace LLaDA.Batch.Shared.Storage;

/// <summary>Every container, table and queue of the system: named here and nowhere else.</summary>
public static class StorageNames
{
    /// <summary>Uploads and results: <c>tenant/key</c>.</summary>
    public const string FilesContainer = "files";

    /// <summary>Plans, shards and parts: <c>tenant/batch/...</c>.</summary>
    public const string BatchesContainer = "batches";

    /// <summary>Weights that workers fetch: a folder of files and its manifest under each prefix.</summary>
    public const string ModelsContainer = "models";

    public const string FilesTable = "files";
    public const string BatchesTable = "batches";
    public const string ModelsTable = "models";
    public const string KeysTable = "keys";
    public const string WebhooksTable = "webhooks";
    public const string ContainersTable = "containers";

    /// <summary>Jobs that are not terminal yet, so that a sweep need not read the others.</summary>
    public const string ActiveTable = "active";

    public const string PlanQueue = "plan";
    public const string FinishQueue = "finish";
    public const string WebhookQueue = "webhook";

    /// <summary>The hardware that runs a model which names no other.</summary>
    public const string DefaultProfile = "default";

    public static IReadOnlyList<string> Containers { get; } = [FilesContainer, BatchesContainer, ModelsContainer];

    public static IReadOnlyList<string> Tables { get; } = [FilesTable, BatchesTable, ModelsTable, KeysTable, WebhooksTable, ContainersTable, ActiveTable];

    public static string GenerateQueue(string profile) => $"generate-{profile}";

    public static string PoisonQueue(string queue) => $"{queue}-poison";
}
