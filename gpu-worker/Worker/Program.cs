using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Shards;
using LLaDA.Batch.Worker.Training;
using LLaDA.Diffusion.Native;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

var builder = Host.CreateApplicationBuilder(args);
var options = builder.Configuration.GetSection(WorkerOptions.Section).Get<WorkerOptions>() ?? new WorkerOptions();
var storage = builder.Configuration.GetSection(StorageOptions.Section).Get<StorageOptions>() ?? new StorageOptions();
if (options.Validate().Concat(storage.Validate()).ToList() is { Count: > 0 } errors)
{
    Console.Error.WriteLine(string.Join(Environment.NewLine, errors));
    return 1;
}

try
{
    LibTorch.Load(builder.Configuration["Torch:LibTorch"]);
    Hardware.Of(options);
}
catch (Exception exception) when (exception is LibTorchMissingException or InvalidOperationException)
{
    Console.Error.WriteLine(exception.Message);
    return 1;
}

builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = options.GracePeriod);
builder.Services.AddTelemetryExport(builder.Configuration, storage);
builder.Services.AddSingleton(TimeProvider.System).AddSingleton(options).AddSingleton(new StorageAccount(storage));
builder.Services.AddSingleton<BatchStore>().AddSingleton<ModelCatalog>().AddSingleton<WorkQueues>().AddSingleton<ShardDispatcher>();
builder.Services.AddSingleton<TensorThread>().AddSingleton<ModelFolders>().AddSingleton<ModelCache>().AddSingleton<ModelHost>().AddSingleton<ModelResolver>().AddSingleton<ModelAnnouncement>().AddSingleton<ShardMessageHandler>();
builder.Services.AddSingleton<FileStore>().AddSingleton<FineTuningStore>().AddSingleton<FineTuningEvents>().AddSingleton<FineTunedModels>().AddSingleton<ModelDeletion>();
builder.Services.AddSingleton<TrainingCheckpoints>().AddSingleton<TrainingRun>().AddSingleton<TrainingMessageHandler>().AddSingleton<DeviceGuard>();
builder.Services.AddSingleton<HealthEndpoint>().AddHostedService(services => services.GetRequiredService<HealthEndpoint>()).AddHostedService<WorkerService>();
var host = builder.Build();
var guard = host.Services.GetRequiredService<DeviceGuard>();
await host.RunAsync();
return guard.IsBroken ? 1 : 0;
