using System.Security.Cryptography;
using Azure.Storage.Queues;

namespace LLaDA.Batch.Local;

/// <summary>A running Azurite: storage accounts on this machine.</summary>
public sealed class AzuriteServer : IAsyncDisposable
{
    /// <summary>The emulator's well-known name of an account. The key is one of its own, not the well-known one.</summary>
    public const string DefaultAccount = "devstoreaccount1";

    private const int AccountKeyBytes = 64;

    /// <summary>
    /// Azurite keeps changes in memory and saves them every five seconds. One whose stack was killed gets no more of them, since its
    /// clients have died too, and lives on until it has saved. It is not asked to stop, because it would wait for open connections.
    /// </summary>
    private static readonly TimeSpan s_saveTime = TimeSpan.FromSeconds(12);

    private static readonly TimeSpan s_orphanWait = s_saveTime + TimeSpan.FromSeconds(30);

    private readonly StackProcess _process;
    private readonly string _accountKey;
    private readonly int _blobPort = FreePort.Find(), _queuePort = FreePort.Find(), _tablePort = FreePort.Find();

    private AzuriteServer(
        string script, string? folder, string accountKey, IEnumerable<string> accounts, string logFolder, Action<string> report)
    {
        _accountKey = accountKey;
        string[] place = folder is null ? ["--inMemoryPersistence"] : ["--location", folder];
        string[] ports = ["--blobPort", $"{_blobPort}", "--queuePort", $"{_queuePort}", "--tablePort", $"{_tablePort}"];
        string[] arguments = [script, "--silent", "--skipApiVersionCheck", "--disableTelemetry", .. place, .. ports];
        var environment = new Dictionary<string, string>
        {
            ["AZURITE_ACCOUNTS"] = string.Join(';', accounts.Select(account => $"{account}:{accountKey}")),
        };
        var program = new StackProgram("azurite", "node", arguments, environment, folder is null ? null : LockFile(folder));
        program = folder is null ? program with { StopTime = TimeSpan.Zero } : program with { OrphanedLifetime = s_saveTime };
        _process = new StackProcess(program, logFolder, report);
    }

    /// <summary>A random account key, in base64.</summary>
    public static string NewAccountKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(AccountKeyBytes));

    /// <summary>Starts Azurite with its data in memory and a new account key; installs it first where it is missing.</summary>
    /// <inheritdoc cref="StartAsync(string?, string, IReadOnlyList{string}, string, Action{string}, CancellationToken)"/>
    public static Task<AzuriteServer> StartInMemoryAsync(
        IReadOnlyList<string> accounts, string logFolder, Action<string> report, CancellationToken cancellation) =>
        StartAsync(folder: null, NewAccountKey(), accounts, logFolder, report, cancellation);

    /// <summary>Starts Azurite; installs it first where it is missing.</summary>
    /// <param name="folder">Keeps the data; null keeps it in memory.</param>
    /// <param name="accountKey">The key of all accounts, in base64. SAS URLs hold for as long as it stays the same.</param>
    /// <param name="accounts">Names of the accounts, at least one.</param>
    /// <param name="report">Receives a line before an installation and at each restart.</param>
    /// <exception cref="StackException">It cannot be installed or started, or another Azurite still uses the folder.</exception>
    public static async Task<AzuriteServer> StartAsync(
        string? folder, string accountKey, IReadOnlyList<string> accounts, string logFolder, Action<string> report,
        CancellationToken cancellation)
    {
        string script = await NpmPackage.EnsureAzuriteAsync(report, cancellation);
        if (folder is not null)
            await WaitForOrphanAsync(folder, report, cancellation);
        var server = new AzuriteServer(script, folder, accountKey, accounts, logFolder, report);
        try
        {
            await server._process.WaitUntilReadyAsync(async () =>
            {
                await new QueueServiceClient(server.ConnectionString(accounts[0])).GetPropertiesAsync(cancellation);
                return true;
            }, cancellation);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Called when it is started again after an exit. A killed one has lost up to the last five seconds of its changes.</summary>
    public Action? OnRestart
    {
        get => _process.OnRestart;
        set => _process.OnRestart = value;
    }

    public string ConnectionString(string account = DefaultAccount)
    {
        string Endpoint(int port) => $"http://127.0.0.1:{port}/{account}";
        return $"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={_accountKey};BlobEndpoint={Endpoint(_blobPort)};"
            + $"QueueEndpoint={Endpoint(_queuePort)};TableEndpoint={Endpoint(_tablePort)};";
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    /// <summary>Waits until the Azurite of a killed stack has saved and ended: two on one folder would overwrite each other.</summary>
    private static async Task WaitForOrphanAsync(string folder, Action<string> report, CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        using var first = FileLock.TryAcquire(LockFile(folder));
        if (first is not null)
            return;
        report("Waiting for the Azurite of the previous run, which was killed, to end");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(s_orphanWait);
        try
        {
            using var next = await FileLock.AcquireAsync(LockFile(folder), limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new StackException($"Another Azurite is still running on {folder}: stop it, or choose another folder with --data");
        }
    }

    private static string LockFile(string folder) => Path.Combine(folder, ".lock");
}
