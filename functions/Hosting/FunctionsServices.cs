using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Batches.Documents;
using LLaDA.Batch.Functions.Files;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Documents;
using LLaDA.Batch.Shared.Files;
using LLaDA.Batch.Shared.FineTuning;
using LLaDA.Batch.Shared.Keys;
using LLaDA.Batch.Shared.Models;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Removal;
using LLaDA.Batch.Shared.Schedules;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;

namespace LLaDA.Batch.Functions.Hosting;

/// <summary>The services of both hosts.</summary>
public static class FunctionsServices
{
    public static IServiceCollection AddFunctions(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddRouting();
        services.AddSingleton(Read<ServiceLimits>(configuration, ServiceLimits.Section, limits => limits.Validate()));
        services.AddSingleton(Read<SecretOptions>(configuration, SecretOptions.Section, secrets => secrets.Validate()));
        services.AddSingleton(Read<RetentionOptions>(configuration, RetentionOptions.Section, retention => retention.Validate()));
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.PropertyNamingPolicy = WireJson.Options.PropertyNamingPolicy);
        services.AddSingleton(TimeProvider.System);
        var account = Read<StorageOptions>(configuration, StorageOptions.Section, storage => storage.Validate());
        services.AddSingleton(new StorageAccount(account));
        services.AddTelemetryExport(configuration, account);
        services.AddSingleton<Readiness>().AddSingleton<QueueMetrics>();
        services.AddSingleton<FileStore>().AddSingleton<BatchStore>().AddSingleton<ModelCatalog>().AddSingleton<ApiKeys>();
        services.AddSingleton<WorkQueues>();
        services.AddSingleton<FileUpload>().AddSingleton<BatchQuota>();
        services.AddSingleton<BatchInput>().AddSingleton<ResultFiles>().AddSingleton<TrainingFileCheck>();
        services.AddSingleton<ShardDispatcher>().AddSingleton<PlanBatchHandler>().AddSingleton<FinishBatchHandler>();
        services.AddSingleton<BatchClosing>().AddSingleton<BatchCancellation>().AddSingleton<BatchSweep>();
        services.AddSingleton<FineTuningStore>().AddSingleton<FineTuningEvents>().AddSingleton<FineTunedModels>();
        services.AddSingleton<ModelFolders>().AddSingleton<ModelDeletion>().AddSingleton<ModelUsers>().AddSingleton<ModelRemoval>();
        services.AddSingleton<PlanFineTuningHandler>().AddSingleton<FinishFineTuningHandler>();
        services.AddSingleton<FineTuningClosing>().AddSingleton<FineTuningCancellation>().AddSingleton<FineTuningSweep>();
        services.AddSingleton<ScheduleStore>().AddSingleton<SourceLists>().AddSingleton<ScheduledFileAssembly>();
        services.AddSingleton<ScheduleTimer>().AddSingleton<ScheduleDeletion>();
        services.AddSingleton<RetentionTimer>().AddSingleton<IPurge, ExpiredFiles>().AddSingleton<IPurge, InterruptedModelRemovals>();
        services.AddSingleton<IPurge, InterruptedScheduleDeletions>().AddSingleton<IPurge, OldScheduleRuns>();
        services.AddSingleton<IPurge, EndedBatches>();
        services.AddSingleton(Read<WebhookOptions>(configuration, WebhookOptions.Section, webhooks => webhooks.Validate()));
        services.AddSingleton<WebhookEndpoints>().AddSingleton<WebhookClient>().AddSingleton<DeliverWebhookHandler>();
        services.AddSingleton<SecretBox>().AddSingleton<ContainerBindings>().AddSingleton<BlobFolders>().AddSingleton<DocumentBatches>();
        return services;
    }

    /// <exception cref="InvalidOperationException">The section is invalid; the message lists all errors.</exception>
    private static T Read<T>(IConfiguration configuration, string section, Func<T, IEnumerable<string>> validate)
        where T : new()
    {
        var options = configuration.GetSection(section).Get<T>() ?? new T();
        string[] errors = [.. validate(options)];
        return errors.Length == 0 ? options : throw new InvalidOperationException(string.Join("; ", errors));
    }
}
