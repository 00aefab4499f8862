using System.Globalization;
using System.Net.Http.Headers;
using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Local;

/// <summary>Where the stack runs and keeps its data.</summary>
/// <param name="DataFolder">Blobs, queues, tables, logs and the API key; a stack started on it again finds everything.</param>
/// <param name="Port">Of the REST API; 0 takes a free one.</param>
/// <param name="ModelsFolder">Null takes the bundled models.</param>
/// <param name="Settings">For functions and worker, as environment variables.</param>
public sealed record LocalStackOptions(string DataFolder, int Port = 0, string? ModelsFolder = null, IReadOnlyDictionary<string, string>? Settings = null);

/// <summary>Azurite, the functions in their Local host and a CPU worker, each a process of its own.</summary>
public sealed class LocalStack : IAsyncDisposable
{
    private const string Tenant = "local";
    private const long NeededBytes = 200L << 20;

    private readonly List<StackProcess> _processes = [];
    private readonly FileLock _dataLock;
    private AzuriteServer? _azurite;

    private LocalStack(FileLock dataLock) => _dataLock = dataLock;

    /// <summary>Of the REST API, such as <c>http://127.0.0.1:8080</c>.</summary>
    public string Address { get; private set; } = "";

    public string ApiKey { get; private set; } = "";

    /// <summary>Reaches the stack's storage account.</summary>
    public string ConnectionString { get; private set; } = "";

    public string DataFolder { get; private set; } = "";

    /// <summary>Starts everything and waits until requests can be answered.</summary>
    /// <param name="say">Told of what takes time, and of parts that die and are started again.</param>
    /// <exception cref="StackException">It cannot start; one sentence says why.</exception>
    public static async Task<LocalStack> StartAsync(LocalStackOptions options, Action<string> say, CancellationToken cancellation)
    {
        string data = Directory.CreateDirectory(Path.GetFullPath(options.DataFolder)).FullName;
        Folders.RequireFreeSpace(data, NeededBytes);
        FreePort.Require(options.Port);
        var dataLock = FileLock.TryAcquire(Path.Combine(data, ".lock")) ?? throw new StackException($"Another stack is running on {data}: stop it, or choose another folder with --data");
        var stack = new LocalStack(dataLock) { DataFolder = data };
        try
        {
            await stack.StartPartsAsync(options, say, cancellation);
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    /// <summary>A client that carries the stack's API key.</summary>
    public HttpClient CreateClient() => new()
    {
        BaseAddress = new Uri(Address),
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", ApiKey) },
    };

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Enumerable.Reverse(_processes))
            await process.DisposeAsync();
        File.Delete(Path.Combine(DataFolder, StorageOptions.ConnectionStringFile));
        if (_azurite is not null)
            await _azurite.DisposeAsync();
        _dataLock.Dispose();
    }

    private async Task StartPartsAsync(LocalStackOptions options, Action<string> say, CancellationToken cancellation)
    {
        string logs = Directory.CreateDirectory(Path.Combine(DataFolder, "logs")).FullName;
        _azurite = await AzuriteServer.StartAsync(Path.Combine(DataFolder, "storage"), [AzuriteServer.DefaultAccount], logs, say, cancellation);
        ConnectionString = await KeepAsync(Path.Combine(DataFolder, StorageOptions.ConnectionStringFile), _azurite.ConnectionString());
        var storage = new StorageAccount(new StorageOptions { ConnectionString = ConnectionString });
        await storage.EnsureCreatedAsync([StorageNames.DefaultProfile], cancellation);
        ApiKey = await KeyAsync(storage, cancellation);

        Address = $"http://127.0.0.1:{(options.Port == 0 ? FreePort.Find() : options.Port)}";
        var functions = Start("functions", Metadata("Functions"), options, new()
        {
            ["ASPNETCORE_URLS"] = Address,
            ["Secrets__Key"] = await SecretKeyAsync(cancellation),
            ["Webhooks__AllowLocal"] = "true",
        }, logs, say);
        int probes = FreePort.Find();
        // Threads of OpenMP sleep while they wait: the worker shares the machine, and spinning ones hold up every small product when a core is busy.
        var worker = Start("worker", Metadata("Worker"), options, new()
        {
            ["Worker__ModelsPath"] = Path.GetFullPath(options.ModelsFolder ?? Metadata("Models")),
            ["Worker__HealthPort"] = probes.ToString(CultureInfo.InvariantCulture),
            ["Worker__CachePath"] = Path.Combine(DataFolder, "models"),
            ["Worker__TrainingPath"] = Path.Combine(DataFolder, "training"),
            ["OMP_WAIT_POLICY"] = "PASSIVE",
        }, logs, say);
        using var client = CreateClient();
        await functions.WaitAsync(async () => (await client.GetAsync("/healthz", cancellation)).IsSuccessStatusCode, cancellation);
        await worker.WaitAsync(async () =>
        {
            if (!(await client.GetAsync($"http://127.0.0.1:{probes}/readyz", cancellation)).IsSuccessStatusCode)
                return false;
            using var models = JsonDocument.Parse(await client.GetStringAsync("/v1/models", cancellation));
            return models.RootElement.GetProperty("data").GetArrayLength() > 0;
        }, cancellation);
    }

    private StackProcess Start(string name, string assembly, LocalStackOptions options, Dictionary<string, string> environment, string logs, Action<string> say)
    {
        if (!File.Exists(assembly))
            throw new StackException($"{assembly} has not been built: run 'dotnet build'");
        environment["Storage__ConnectionString"] = ConnectionString;
        foreach (var (setting, value) in options.Settings ?? new Dictionary<string, string>())
            environment.TryAdd(setting, value);
        var process = new StackProcess(name, Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet", [assembly], environment, logs, say);
        _processes.Add(process);
        return process;
    }

    /// <summary>The data folder keeps its key, so that a restarted stack knows its clients.</summary>
    private async Task<string> KeyAsync(StorageAccount storage, CancellationToken cancellation)
    {
        var keys = new ApiKeys(storage, TimeProvider.System);
        string path = Path.Combine(DataFolder, "api-key");
        if (File.Exists(path) && (await File.ReadAllTextAsync(path, cancellation)).Trim() is var kept && await keys.FindAsync(kept, cancellation) is not null)
            return kept;
        return await KeepAsync(path, await keys.CreateAsync(Tenant, "local stack", cancellation));
    }

    /// <summary>What seals the secrets of clients in the data folder.</summary>
    private async Task<string> SecretKeyAsync(CancellationToken cancellation)
    {
        string path = Path.Combine(DataFolder, "secret-key");
        return File.Exists(path) ? (await File.ReadAllTextAsync(path, cancellation)).Trim() : await KeepAsync(path, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
    }

    private static async Task<string> KeepAsync(string path, string secret)
    {
        await using var file = new FileStream(path, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        await using var writer = new StreamWriter(file);
        await writer.WriteLineAsync(secret);
        return secret;
    }

    private static string Metadata(string key) =>
        typeof(LocalStack).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == key).Value!;
}
