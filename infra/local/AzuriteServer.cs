using Azure.Storage.Queues;

namespace LLaDA.Batch.Local;

/// <summary>A running Azurite: storage accounts on this machine.</summary>
public sealed class AzuriteServer : IAsyncDisposable
{
    /// <summary>The emulator's well-known account. Its key is public.</summary>
    public const string DefaultAccount = "devstoreaccount1";

    private const string Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    /// <summary>
    /// Azurite keeps changes in memory and saves them every five seconds. One whose stack was killed gets no more of them, since its
    /// clients have died too, and lives on until it has saved. It is not asked to stop, because it would wait for open connections.
    /// </summary>
    private static readonly TimeSpan s_saveTime = TimeSpan.FromSeconds(12);

    private static readonly TimeSpan s_orphanWait = s_saveTime + TimeSpan.FromSeconds(30);

    private readonly StackProcess _process;
    private readonly int _blobPort = FreePort.Find(), _queuePort = FreePort.Find(), _tablePort = FreePort.Find();

    private AzuriteServer(string script, string? folder, IEnumerable<string> accounts, string logFolder, Action<string> report)
    {
        string[] place = folder is null ? ["--inMemoryPersistence"] : ["--location", folder];
        string[] ports = ["--blobPort", $"{_blobPort}", "--queuePort", $"{_queuePort}", "--tablePort", $"{_tablePort}"];
        string[] arguments = [script, "--silent", "--skipApiVersionCheck", "--disableTelemetry", .. place, .. ports];
        var environment = new Dictionary<string, string>
        {
            ["AZURITE_ACCOUNTS"] = string.Join(';', accounts.Select(account => $"{account}:{Key}")),
        };
        var program = new StackProgram("azurite", "node", arguments, environment, folder is null ? null : LockFile(folder));
        program = folder is null ? program with { StopTime = TimeSpan.Zero } : program with { OrphanedLifetime = s_saveTime };
        _process = new StackProcess(program, logFolder, report);
    }

    /// <summary>Starts Azurite; installs it first where it is missing.</summary>
    /// <param name="folder">Keeps the data; null keeps it in memory.</param>
    /// <param name="accounts">Names of the accounts, at least one.</param>
    /// <param name="report">Receives a line before an installation and at each restart.</param>
    /// <exception cref="StackException">It cannot be installed or started, or another Azurite still uses the folder.</exception>
    public static async Task<AzuriteServer> StartAsync(
        string? folder, IReadOnlyList<string> accounts, string logFolder, Action<string> report, CancellationToken cancellation)
    {
        string script = await NpmPackage.Azurite.EnsureAsync(report, cancellation);
        if (folder is not null)
            await WaitForOrphanAsync(folder, report, cancellation);
        var server = new AzuriteServer(script, folder, accounts, logFolder, report);
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

    public string ConnectionString(string account = DefaultAccount)
    {
        string Endpoint(int port) => $"http://127.0.0.1:{port}/{account}";
        return $"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={Key};BlobEndpoint={Endpoint(_blobPort)};"
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
