using LLaDA.Batch.Local;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Infra.Tests.Local;

/// <summary>What a stack's start writes, when a killed Azurite has lost it.</summary>
public sealed class InitialRecordsTests(StorageFixture fixture) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("llada-initial-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Key_models_tables_and_queues_come_back_under_their_names()
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = fixture.NewConnectionString() });
        var catalog = new ModelCatalog(storage);
        var initial = new InitialRecords(storage, new SecretFiles(_folder));
        await initial.CreateAsync(CancellationToken.None);
        string key = initial.ApiKey;
        await catalog.RegisterAsync(new() { PartitionKey = ModelRecord.EveryTenant, Id = "tiny" }, CancellationToken.None);
        await initial.RememberModelsAsync(CancellationToken.None);
        foreach (string table in new[] { StorageNames.KeysTable, StorageNames.ModelsTable })
            await storage.Table(table).DeleteAsync();
        await storage.Queue(StorageNames.PlanQueue).DeleteAsync();

        await initial.RestoreAsync(CancellationToken.None);

        Assert.Equal(key, initial.ApiKey);
        Assert.NotNull(await new ApiKeys(storage, TimeProvider.System).FindAsync(key, CancellationToken.None));
        Assert.NotNull(await catalog.FindAsync("local", "tiny", CancellationToken.None));
        Assert.True((await storage.Queue(StorageNames.PlanQueue).ExistsAsync()).Value);
    }

    [Fact]
    public async Task A_revoked_key_is_replaced()
    {
        var storage = new StorageAccount(new StorageOptions { ConnectionString = fixture.NewConnectionString() });
        var initial = new InitialRecords(storage, new SecretFiles(_folder));
        await initial.CreateAsync(CancellationToken.None);
        string key = initial.ApiKey;
        await new ApiKeys(storage, TimeProvider.System).RevokeAsync(key.Split('-')[1], CancellationToken.None);

        await initial.CreateAsync(CancellationToken.None);

        Assert.NotEqual(key, initial.ApiKey);
        Assert.Equal(initial.ApiKey, (await File.ReadAllTextAsync(Path.Combine(_folder, "api-key"))).Trim());
    }
}
