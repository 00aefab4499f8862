using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Local;

/// <summary>Settings of a stack.</summary>
/// <param name="DataFolder">Blobs, queues, tables, logs and the API key. A stack started on it again finds all of it.</param>
/// <param name="Port">Of the REST API; 0 takes a free one.</param>
/// <param name="ModelsFolder">Null takes the bundled models.</param>
/// <param name="Settings">Environment variables for functions and worker.</param>
public sealed record LocalStackOptions(
    string DataFolder, int Port = 0, string? ModelsFolder = null, IReadOnlyDictionary<string, string>? Settings = null)
{
    /// <summary>With less free disk space, functions and worker stop.</summary>
    public long MinFreeBytes { get; init; } = 100L << 20;
}

/// <summary>Azurite, the functions in their Local host and a CPU worker, each in a process of its own.</summary>
public sealed class LocalStack : IAsyncDisposable
{
    /// <summary>The folder in the data folder that has the logs.</summary>
    internal const string LogsName = "logs";

    private const long NeededBytes = 200L << 20;

    private static readonly TimeSpan s_diskInterval = TimeSpan.FromSeconds(2);

    private readonly List<StackProcess> _processes = [];
    private readonly FileLock _dataLock;
    private readonly LocalStackOptions _options;
    private readonly Action<string> _report;
    private readonly SecretFiles _secrets;
    private readonly CancellationTokenSource _stopping = new();
    private AzuriteServer? _azurite;
    private Task _restoring = Task.CompletedTask, _watching = Task.CompletedTask;

    private LocalStack(string dataFolder, FileLock dataLock, LocalStackOptions options, Action<string> report)
    {
        (DataFolder, _dataLock, _options, _report) = (dataFolder, dataLock, options, report);
        LogFolder = Path.Combine(dataFolder, LogsName);
        _secrets = new SecretFiles(dataFolder);
    }

    /// <summary>Of the REST API, such as <c>http://127.0.0.1:8080</c>.</summary>
    public string Address { get; private set; } = "";

    public string ApiKey { get; private set; } = "";

    /// <summary>Of the stack's storage account.</summary>
    public string ConnectionString { get; private set; } = "";

    public string DataFolder { get; }

    /// <summary>One log file for each process.</summary>
    public string LogFolder { get; }

    /// <summary>Starts all processes and waits until requests can be answered.</summary>
    /// <param name="report">Receives a line for each stage with its seconds, and for each process that exits and is started again.</param>
    /// <exception cref="StackException">It cannot start; the message is one sentence.</exception>
    public static async Task<LocalStack> StartAsync(LocalStackOptions options, Action<string> report, CancellationToken cancellation)
    {
        string data = Folders.CreateData(options.DataFolder);
        var dataLock = FileLock.TryAcquire(Path.Combine(data, ".lock"))
            ?? throw new StackException($"Another stack is running on {data}: stop it, or choose another folder with --data");
        var stack = new LocalStack(data, dataLock, options, report);
        try
        {
            Folders.RequireFreeSpace(data, NeededBytes);
            FreePort.Require(options.Port);
            await stack.StartProcessesAsync(cancellation);
            stack._watching = stack.WatchDiskAsync();
            return stack;
        }
        catch
        {
            await stack.DisposeAsync();
            throw;
        }
    }

    /// <summary>A client that sends the stack's API key.</summary>
    public HttpClient CreateClient() => new()
    {
        BaseAddress = new Uri(Address),
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", ApiKey) },
    };

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await Task.WhenAll(_restoring, _watching);
        foreach (var process in Enumerable.Reverse(_processes))
            await process.DisposeAsync();
        File.Delete(Path.Combine(DataFolder, StorageOptions.ConnectionStringFile));
        if (_azurite is not null)
            await _azurite.DisposeAsync();
        _dataLock.Dispose();
        _stopping.Dispose();
    }

    private async Task StartProcessesAsync(CancellationToken cancellation)
    {
        Folders.CreateData(LogFolder);
        await StageAsync("Azurite answers", async () =>
        {
            string storageFolder = Folders.CreateData(Path.Combine(DataFolder, "storage"));
            string accountKey = await _secrets.KeptAsync("account-key", AzuriteServer.NewAccountKey, cancellation);
            _azurite = await AzuriteServer.StartAsync(
                storageFolder, accountKey, [AzuriteServer.DefaultAccount], LogFolder, _report, cancellation);
        });
        ConnectionString = _azurite!.ConnectionString();
        await _secrets.WriteAsync(StorageOptions.ConnectionStringFile, ConnectionString);
        var initial = new InitialRecords(new StorageAccount(new StorageOptions { ConnectionString = ConnectionString }), _secrets);
        await StageAsync("tables, queues and containers exist", () => initial.CreateAsync(cancellation));
        ApiKey = initial.ApiKey;
        _azurite.OnRestart = () => _restoring = RestoreAsync(initial);

        Address = $"http://127.0.0.1:{(_options.Port == 0 ? FreePort.Find() : _options.Port)}";
        int probes = FreePort.Find();
        var functions = Start("functions", Metadata("Functions"), new()
        {
            ["ASPNETCORE_URLS"] = Address,
            ["Secrets__Key"] = await _secrets.KeptAsync("secret-key", NewSealingKey, cancellation),
            ["Webhooks__AllowLocal"] = "true",
        });
        var worker = Start("worker", Metadata("Worker"), new()
        {
            ["Worker__ModelsPath"] = Path.GetFullPath(_options.ModelsFolder ?? Metadata("Models")),
            ["Worker__HealthPort"] = probes.ToString(CultureInfo.InvariantCulture),
            ["Worker__CachePath"] = Path.Combine(DataFolder, "models"),
            ["Worker__TrainingPath"] = Path.Combine(DataFolder, "training"),
        });
        using var client = CreateClient();
        await StageAsync("the REST API answers", () =>
            functions.WaitUntilReadyAsync(async () => (await client.GetAsync("/healthz", cancellation)).IsSuccessStatusCode, cancellation));
        await StageAsync("the worker has loaded its models", () =>
            worker.WaitUntilReadyAsync(() => HasModelsAsync(client, probes, cancellation), cancellation));
        await initial.RememberModelsAsync(cancellation);
    }

    /// <summary>An Azurite that has been started again may lack what the stack's start had written.</summary>
    private async Task RestoreAsync(InitialRecords initial)
    {
        try
        {
            await initial.RestoreAsync(_stopping.Token);
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The stack stops.
        }
        catch (Exception exception) when (exception is Azure.RequestFailedException or AggregateException or OperationCanceledException)
        {
            _report($"Azurite does not answer after its restart: {exception.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>
    /// Stops what writes before the disk is full: Azurite would go on to acknowledge, and could not save what it acknowledges.
    /// </summary>
    private async Task WatchDiskAsync()
    {
        using var timer = new PeriodicTimer(s_diskInterval);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                if (Folders.FreeBytes(DataFolder) >= _options.MinFreeBytes)
                    continue;
                _report(
                    $"{DataFolder} has less than {_options.MinFreeBytes >> 20} MB of free disk space: functions and worker stop, since "
                    + "Azurite could not save what they write; free some, stop this program and start it again");
                foreach (var process in Enumerable.Reverse(_processes))
                    await process.DisposeAsync();
                _processes.Clear();
                return;
            }
        }
        catch (OperationCanceledException)
        {
            // The stack stops.
        }
    }

    private async Task StageAsync(string reached, Func<Task> work)
    {
        long started = Stopwatch.GetTimestamp();
        await work();
        _report(string.Create(CultureInfo.InvariantCulture, $"{Stopwatch.GetElapsedTime(started).TotalSeconds,5:F1} s  {reached}"));
    }

    private static async Task<bool> HasModelsAsync(HttpClient client, int probes, CancellationToken cancellation)
    {
        if (!(await client.GetAsync($"http://127.0.0.1:{probes}/readyz", cancellation)).IsSuccessStatusCode)
            return false;
        using var models = JsonDocument.Parse(await client.GetStringAsync("/v1/models", cancellation));
        return models.RootElement.GetProperty("data").GetArrayLength() > 0;
    }

    private StackProcess Start(string name, string assembly, Dictionary<string, string> environment)
    {
        if (!File.Exists(assembly))
            throw new StackException($"{assembly} has not been built: run 'dotnet build'");
        environment["Storage__ConnectionString"] = ConnectionString;
        foreach (var (setting, value) in _options.Settings ?? new Dictionary<string, string>())
            environment.TryAdd(setting, value);
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet";
        var process = new StackProcess(new StackProgram(name, dotnet, [assembly], environment), LogFolder, _report);
        _processes.Add(process);
        return process;
    }

    /// <summary>A key that seals the tenants' secrets in the data folder.</summary>
    private static string NewSealingKey() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    private static string Metadata(string key) =>
        typeof(LocalStack).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(data => data.Key == key).Value!;
}
