using Azure.Core.Pipeline;
using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Hosting;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace LLaDA.Batch.Testing;

/// <summary>The functions and a worker over one connection to storage.</summary>
internal sealed class TrialProcess : ITrialProcess
{
    private readonly ServiceProvider _services;
    private readonly FaultyTransport _transport;

    public TrialProcess(string connectionString, FaultyTransport transport, bool isRetried, ModelHost models, TimeProvider time)
    {
        _transport = transport;
        var storage = transport.Account(connectionString, time, client =>
        {
            client.Retry.MaxRetries = isRetried ? 1 : 0;
            client.Retry.Delay = TimeSpan.FromMilliseconds(1);
        });
        var configuration = new ConfigurationBuilder().AddInMemoryCollection([new("Storage:ConnectionString", connectionString)]).Build();
        _services = new ServiceCollection()
            .AddLogging()
            .AddFunctions(configuration)
            .AddWorker(configuration)
            .AddSingleton(storage)
            .AddSingleton(storage.Time)
            .AddSingleton(models)
            .BuildServiceProvider();
    }

    public PlanBatchHandler Plan => Get<PlanBatchHandler>();

    public FinishBatchHandler Finish => Get<FinishBatchHandler>();

    public BatchSweep Sweep => Get<BatchSweep>();

    public AnswerStart Answers => Get<AnswerStart>();

    public AnswerWait AnswerWait => Get<AnswerWait>();

    public AnswerEnding AnswerEnding => Get<AnswerEnding>();

    public AnswerSweep AnswerSweep => Get<AnswerSweep>();

    public ShardMessageHandler Shards => Get<ShardMessageHandler>();

    public FaultyTransport Transport => _transport;

    /// <summary>Cancelled when it is told to stop.</summary>
    public CancellationToken Stopping => _transport.Stopping;

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        _transport.Dispose();
    }

    private T Get<T>()
        where T : notnull => _services.GetRequiredService<T>();
}
