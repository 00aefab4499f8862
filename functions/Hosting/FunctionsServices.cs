using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.Batches.Checks;
using LLaDA.Batch.Functions.Batches.Documents;
using LLaDA.Batch.Functions.Batches.Lines;
using LLaDA.Batch.Functions.Files;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Folders;
using LLaDA.Batch.Functions.Idempotency;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Functions.Quotas;
using LLaDA.Batch.Functions.Remote;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Functions.Secrets;
using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Functions.Turns;
using LLaDA.Batch.Functions.Uploads;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Hosting;
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
using LLaDA.Batch.Shared.Usage;
using LLaDA.Batch.Shared.Wire;
using OpenTelemetry.Trace;
using static LLaDA.Batch.Hosting.Settings;

namespace LLaDA.Batch.Functions.Hosting;

/// <summary>The services of both hosts.</summary>
public static class FunctionsServices
{
    /// <summary>The invocations of Azure Functions: the spans in which its requests run.</summary>
    private const string InvocationSource = "Microsoft.Azure.Functions.Worker";

    public static IServiceCollection AddFunctions(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddRouting();
        // It logs the whole URL of each request, and a client may have put its key there.
        services.AddLogging(logging => logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.Warning));
        services.AddSingleton(Read<ServiceLimits>(configuration, ServiceLimits.Section, limits => limits.Validate()));
        services.AddSingleton(Read<SecretOptions>(configuration, SecretOptions.Section, secrets => secrets.Validate()));
        services.AddSingleton(Read<RetentionOptions>(configuration, RetentionOptions.Section, retention => retention.Validate()));
        services.ConfigureHttpJsonOptions(json => json.SerializerOptions.PropertyNamingPolicy = WireJson.Options.PropertyNamingPolicy);
        var account = Read<StorageOptions>(configuration, StorageOptions.Section, storage => storage.Validate());
        services.AddSingleton(new StorageAccount(account));
        services.AddSingleton(provider => provider.GetRequiredService<StorageAccount>().Time);
        services.AddTelemetryExport(
            configuration, account, "llada-functions", tracing => tracing.AddSource(InvocationSource).AddAspNetCoreInstrumentation());
        services.AddSingleton<RowByRow>().AddSingleton<Readiness>().AddSingleton<QueueMetrics>();
        services.AddSingleton<FileStore>().AddSingleton<BatchStore>().AddSingleton<ModelCatalog>().AddSingleton<ApiKeys>();
        services.AddSingleton<WorkQueues>();
        services.AddSingleton<TenantLimits>().AddSingleton<TenantQuotas>().AddSingleton<FileQuota>();
        services.AddSingleton<RequestRate>().AddSingleton<UploadPlaces>();
        services.AddSingleton<FileUpload>().AddSingleton<BatchQuota>().AddSingleton<AllowedPriority>().AddSingleton<NewBatches>();
        services.AddSingleton<BatchView>().AddSingleton<LineResults>().AddSingleton<BatchCheck>();
        services.AddSingleton(Read<PriceOptions>(configuration, PriceOptions.Section, prices => prices.Validate()));
        services.AddSingleton<ShardDispatcher>().AddSingleton<BatchInput>().AddSingleton<ResultFiles>();
        services.AddSingleton<BatchPlans>().AddSingleton<PlanBatchHandler>();
        services.AddSingleton<FinishPlaces>().AddSingleton<FinishBatchHandler>();
        services.AddSingleton<BatchClosing>().AddSingleton<BatchCancellation>().AddSingleton<MissingParts>();
        services.AddSingleton<BatchSweep>().AddSingleton<StalledBatches>().AddSingleton<StalledShards>().AddSingleton<LostLines>();
        services.AddSingleton<IdempotencyRecords>().AddSingleton<IPurge, ExpiredIdempotencyKeys>();
        services.AddSingleton<AnswerKeys>().AddSingleton<AnswerStart>().AddSingleton<AnswerWait>().AddSingleton<AnswerDelivery>();
        services.AddSingleton<AnswerRoom>().AddSingleton<AnswersInWork>().AddSingleton<AnswerStarts>().AddSingleton<WaitPace>();
        services.AddSingleton<AnswerStream>();
        services.AddSingleton(new EventStreams(AreServed: true));
        services.AddSingleton<AnswerEnding>().AddSingleton<AnswerSweep>();
        services.AddSingleton<FineTuningStore>().AddSingleton<FineTuningEvents>().AddSingleton<FineTunedModels>();
        services.AddSingleton<ModelFolders>().AddSingleton<ModelDeletion>().AddSingleton<ModelUsers>().AddSingleton<ModelRemoval>();
        services.AddSingleton<JobReferences>().AddSingleton<TrainingFiles>();
        services.AddSingleton<PlanFineTuningHandler>().AddSingleton<FinishFineTuningHandler>();
        services.AddSingleton<FineTuningClosing>().AddSingleton<FineTuningCancellation>().AddSingleton<FineTuningSweep>();
        services.AddSingleton<StalledTrainings>();
        services.AddSingleton<ScheduleStore>().AddSingleton<SourceLists>().AddSingleton<ScheduledFileAssembly>();
        services.AddSingleton<TrainingTurns>().AddSingleton(provider => PlanTurns.Of(
            provider.GetRequiredService<BatchStore>(),
            provider.GetRequiredService<WorkQueues>(),
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton<ScheduleTimer>().AddSingleton<ScheduleDeletion>();
        services.AddSingleton<RetentionTimer>().AddSingleton<IPurge, ExpiredFiles>().AddSingleton<IPurge, InterruptedModelRemovals>();
        services.AddSingleton<IPurge, InterruptedScheduleDeletions>().AddSingleton<IPurge, OldScheduleRuns>();
        services.AddSingleton<WebhookDeliveries>().AddSingleton<IPurge, OldDeliveries>().AddSingleton<BatchWebhooks>();
        services.AddSingleton<UsageStore>();
        services.AddSingleton<UploadStore>().AddSingleton<UploadBlocks>();
        services.AddSingleton<UploadParts>().AddSingleton<UploadCompletion>();
        services.AddSingleton<IPurge, ExpiredUploads>();
        services.AddSingleton<IPurge, EndedBatches>().AddSingleton<IPurge, LeftCheckpoints>();
        services.AddSingleton(Read<WebhookOptions>(configuration, WebhookOptions.Section, webhooks => webhooks.Validate()));
        services.AddSingleton(PublicConnections.Default);
        services.AddSingleton<WebhookEndpoints>().AddSingleton<WebhookClient>().AddSingleton<DeliverWebhookHandler>();
        services.AddSingleton<WebhookDelivery>().AddSingleton<DeliveryPlaces>();
        services.AddSingleton<HostBreakers>().AddSingleton<ForeignAccounts>();
        services.AddSingleton<SecretBox>().AddSingleton<ContainerBindings>().AddSingleton<BlobFolders>().AddSingleton<DocumentBatches>();
        return services;
    }
}
