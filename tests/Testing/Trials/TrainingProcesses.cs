using Azure.Core;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Training;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Testing;

/// <summary>The processes of a training trial: workers and functions, each over storage of its own that may fail.</summary>
/// <param name="folder">For what workers keep on their disks.</param>
internal sealed class TrainingProcesses(
    string connectionString, string modelsPath, string folder, TensorThread tensors, TimeProvider time, ILoggerProvider? log)
    : IAsyncDisposable
{
    private readonly List<ServiceProvider> _all = [];
    private int _numWorkers;

    /// <summary>Storage without a fault.</summary>
    public static FaultyTransport Sound() => new(Fault.None, 0);

    /// <param name="ownTime">The worker's clock; null for that of all.</param>
    public TrainingMessageHandler Worker(FaultyTransport? transport, TimeProvider? ownTime)
    {
        int number = ++_numWorkers;
        var configuration = Configuration(
            ("Worker:ModelsPath", modelsPath),
            ("Worker:CachePath", Path.Combine(folder, $"models{number}")),
            ("Worker:TrainingPath", Path.Combine(folder, $"training{number}")),
            ("Worker:BatchTokens", "256"));
        var services = Start(
            transport ?? Sound(), services => services.AddWorker(configuration).AddSingleton(tensors), ownTime, isWorker: true);
        return services.GetRequiredService<TrainingMessageHandler>();
    }

    /// <summary>What a new process of the functions does.</summary>
    public T Functions<T>(FaultyTransport transport)
        where T : notnull => Start(transport, services => services.AddFunctions(Configuration())).GetRequiredService<T>();

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _all)
            await process.DisposeAsync();
    }

    /// <param name="isWorker">Whether it has the roles of a worker alone.</param>
    private ServiceProvider Start(
        FaultyTransport transport, Action<IServiceCollection> compose, TimeProvider? ownTime = null, bool isWorker = false)
    {
        var storage = transport.Account(connectionString, ownTime ?? time, client =>
        {
            client.Retry.MaxRetries = 0;
            if (isWorker)
                client.AddPolicy(new WorkerRoles(connectionString), HttpPipelinePosition.PerCall);
        });
        var services = new ServiceCollection().AddLogging(Configure);
        compose(services);
        _all.Add(services.AddSingleton(storage).AddSingleton(storage.Time).BuildServiceProvider());
        return _all[^1];
    }

    private void Configure(ILoggingBuilder logging)
    {
        if (log is not null)
            logging.SetMinimumLevel(LogLevel.Trace).AddProvider(log);
    }

    private IConfiguration Configuration(params (string Key, string Value)[] settings) => new ConfigurationBuilder()
        .AddInMemoryCollection(
            [new("Storage:ConnectionString", connectionString), new("Secrets:Key", Convert.ToBase64String(new byte[32])),
            .. settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))])
        .Build();
}
