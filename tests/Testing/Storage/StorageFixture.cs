using LLaDA.Batch.Local;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Testing;

/// <summary>
/// One Azurite for an assembly's tests, installed through npm where it is missing; every test gets a storage account of its own.
/// </summary>
public sealed class StorageFixture : IAsyncLifetime
{
    private const int MaxAccounts = 900;

    private readonly string _logs = Directory.CreateTempSubdirectory("llada-tests-").FullName;
    private AzuriteServer? _server;
    private int _used;

    public async ValueTask InitializeAsync() =>
        _server = await AzuriteServer.StartInMemoryAsync(
            [.. Enumerable.Range(0, MaxAccounts).Select(Account)], _logs, _ => { }, CancellationToken.None);

    /// <summary>An empty account, with its containers, tables and queues.</summary>
    public async Task<StorageAccount> NewAccountAsync()
    {
        var account = new StorageAccount(new StorageOptions { ConnectionString = NewConnectionString() });
        await account.EnsureCreatedAsync([StorageNames.DefaultProfile], CancellationToken.None);
        return account;
    }

    public string NewConnectionString() => _server!.ConnectionString(Account(Interlocked.Increment(ref _used) - 1));

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await _server.DisposeAsync();
        Directory.Delete(_logs, recursive: true);
    }

    private static string Account(int index) => $"account{index:D3}";
}
