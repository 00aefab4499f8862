using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Local;

/// <summary>
/// What the start of a stack puts into storage: tables, queues, containers, the API key and the bundled models.
/// An Azurite that is killed soon after has lost some of it, and without them no request could be answered.
/// </summary>
internal sealed class InitialRecords(StorageAccount storage, SecretFiles secrets)
{
    /// <summary>The file in the data folder that keeps the API key.</summary>
    public const string KeyFile = "api-key";

    private const string Tenant = "local", KeyName = "local stack";

    private readonly ApiKeys _keys = new(storage, TimeProvider.System);
    private readonly ModelCatalog _catalog = new(storage);
    private IReadOnlyList<ModelRecord> _models = [];

    /// <summary>The API key of the data folder, the same after a restart unless it was revoked.</summary>
    public string ApiKey { get; private set; } = "";

    public async Task CreateAsync(CancellationToken cancellation)
    {
        await storage.EnsureCreatedAsync([StorageNames.DefaultProfile], cancellation);
        string? kept = await secrets.FindAsync(KeyFile, cancellation);
        bool isValid = kept is not null
            && (await _keys.FindAsync(kept, cancellation) is not null || await _keys.TryRestoreAsync(kept, Tenant, KeyName, cancellation));
        ApiKey = isValid ? kept! : await secrets.WriteAsync(KeyFile, await _keys.CreateAsync(Tenant, KeyName, cancellation));
    }

    /// <summary>Remembers the models that the worker has announced.</summary>
    public async Task RememberModelsAsync(CancellationToken cancellation) =>
        _models = await _catalog.ListAsync(ModelRecord.EveryTenant, cancellation);

    /// <summary>Puts back what is missing.</summary>
    public async Task RestoreAsync(CancellationToken cancellation)
    {
        await CreateAsync(cancellation);
        foreach (var model in _models)
        {
            if (await _catalog.FindExactAsync(model.PartitionKey, model.Id, cancellation) is null)
                await _catalog.RegisterAsync(model, cancellation);
        }
    }
}
