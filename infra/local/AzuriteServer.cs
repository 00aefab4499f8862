using Azure.Storage.Queues;

namespace LLaDA.Batch.Local;

/// <summary>A running Azurite: storage accounts on this machine.</summary>
public sealed class AzuriteServer : IAsyncDisposable
{
    /// <summary>The emulator's own account; its key is the same everywhere and no secret.</summary>
    public const string DefaultAccount = "devstoreaccount1";

    private const string Key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

    private readonly StackProcess _process;
    private readonly int _blobPort = FreePort.Find(), _queuePort = FreePort.Find(), _tablePort = FreePort.Find();

    private AzuriteServer(string script, string? folder, IEnumerable<string> accounts, string logFolder, Action<string> say)
    {
        string[] place = folder is null ? ["--inMemoryPersistence"] : ["--location", folder];
        string[] ports = ["--blobPort", $"{_blobPort}", "--queuePort", $"{_queuePort}", "--tablePort", $"{_tablePort}"];
        var environment = new Dictionary<string, string> { ["AZURITE_ACCOUNTS"] = string.Join(';', accounts.Select(account => $"{account}:{Key}")) };
        _process = new StackProcess("azurite", "node", [script, "--silent", "--skipApiVersionCheck", "--disableTelemetry", .. place, .. ports], environment, logFolder, say, stopTime: folder is null ? TimeSpan.Zero : null);
    }

    /// <summary>Starts it, installing it first where it is missing.</summary>
    /// <param name="folder">Keeps the data; null keeps it in memory.</param>
    /// <param name="accounts">Names of the accounts.</param>
    /// <exception cref="StackException">It cannot be installed or started.</exception>
    public static async Task<AzuriteServer> StartAsync(string? folder, IReadOnlyList<string> accounts, string logFolder, Action<string> say, CancellationToken cancellation)
    {
        string script = await NpmPackage.EnsureAzuriteAsync(say, cancellation);
        var server = new AzuriteServer(script, folder, accounts, logFolder, say);
        try
        {
            await server._process.WaitAsync(async () =>
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
        return $"DefaultEndpointsProtocol=http;AccountName={account};AccountKey={Key};BlobEndpoint={Endpoint(_blobPort)};QueueEndpoint={Endpoint(_queuePort)};TableEndpoint={Endpoint(_tablePort)};";
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();
}
