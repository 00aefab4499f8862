using LLaDA.Batch.Functions.Api;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Hosting;

/// <summary>What both hosts need.</summary>
public static class FunctionsServices
{
    public static IServiceCollection AddFunctions(this IServiceCollection services, IConfiguration configuration)
    {
        var storage = configuration.GetSection(StorageOptions.Section).Get<StorageOptions>() ?? new StorageOptions();
        if (storage.Validate().ToList() is { Count: > 0 } errors)
            throw new InvalidOperationException(string.Join("; ", errors));

        services.AddRouting();
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.PropertyNamingPolicy = WireJson.Options.PropertyNamingPolicy);
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(new StorageAccount(storage));
        services.AddSingleton<FileStore>().AddSingleton<BatchStore>().AddSingleton<ModelCatalog>().AddSingleton<ApiKeys>().AddSingleton<WorkQueues>();
        services.AddSingleton<FileUpload>();
        services.AddSingleton<PlanBatch>().AddSingleton<FinishBatch>().AddSingleton<SweepActive>();
        return services;
    }
}
