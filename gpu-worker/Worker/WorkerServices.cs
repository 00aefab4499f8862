using LLaDA.Batch.Hosting;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Jobs;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using LLaDA.Batch.Worker.Training;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace LLaDA.Batch.Worker;

/// <summary>The composition of a worker. libtorch must be loaded before <see cref="Hardware"/> is resolved.</summary>
internal static class WorkerServices
{
    /// <exception cref="InvalidOperationException">Lists every invalid setting of a section.</exception>
    public static IServiceCollection AddWorker(this IServiceCollection services, IConfiguration configuration)
    {
        var options = Settings.Read<WorkerOptions>(configuration, WorkerOptions.Section, worker => worker.Validate());
        var account = Settings.Read<StorageOptions>(configuration, StorageOptions.Section, storage => storage.Validate());
        services.Configure<HostOptions>(host => host.ShutdownTimeout = options.GracePeriod);
        services.AddTelemetryExport(configuration, account, "llada-worker");
        services.AddSingleton(options).AddSingleton(new StorageAccount(account));
        services.AddSingleton(provider => provider.GetRequiredService<StorageAccount>().Time);
        services.AddSingleton(new JobOptions(options.LeaseDuration, options.Slice));
        services.AddSingleton<WorkQueues>().AddSingleton<ModelCatalog>();
        services.AddDevice(options).AddModels(options).AddShards().AddTraining(options);
        services.AddSingleton<HealthEndpoint>().AddHostedService(provider => provider.GetRequiredService<HealthEndpoint>());
        return services.AddHostedService<WorkerService>();
    }

    private static IServiceCollection AddDevice(this IServiceCollection services, WorkerOptions options) => services
        .AddSingleton(_ => Hardware.Of(options.ForDevice))
        .AddSingleton<TensorThread>()
        .AddSingleton<DeviceGuard>();

    private static IServiceCollection AddModels(this IServiceCollection services, WorkerOptions options) => services
        .AddSingleton(new ModelCacheOptions(options.CachePath, options.CacheBytes))
        .AddSingleton<ModelFolders>()
        .AddSingleton<ModelCache>()
        .AddSingleton(provider => new LocalModels(options.ModelsPath, provider.GetRequiredService<ModelCache>()))
        .AddSingleton<ModelHost>()
        .AddSingleton<ModelResolver>()
        .AddSingleton<ModelAnnouncement>();

    private static IServiceCollection AddShards(this IServiceCollection services) => services
        .AddSingleton<BatchStore>()
        .AddSingleton<ShardDispatcher>()
        .AddSingleton<ShardRun>()
        .AddSingleton<ShardMessageHandler>();

    private static IServiceCollection AddTraining(this IServiceCollection services, WorkerOptions options) => services
        .AddSingleton<FileStore>()
        .AddSingleton<FineTuningStore>()
        .AddSingleton<FineTuningEvents>()
        .AddSingleton<FineTunedModels>()
        .AddSingleton<ModelDeletion>()
        .AddSingleton(new TrainingFolders(options.TrainingPath))
        .AddSingleton<TrainingInputs>()
        .AddSingleton<TrainingCheckpoints>()
        .AddSingleton(new TrainingTimes(options.Slice))
        .AddSingleton<TrainingRun>()
        .AddSingleton<TrainingMessageHandler>();
}
