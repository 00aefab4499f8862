using System.Text.Json;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using Microsoft.Azure.Functions.Worker;

namespace LLaDA.Batch.Functions.Hosting.Azure;

/// <summary>The queue triggers of the Azure host. Each line calls the handler that the Local host calls.</summary>
internal sealed class QueueTriggers(PlanBatchHandler plan, FinishBatchHandler finish, DeliverWebhookHandler webhooks, PlanFineTuningHandler planTraining, FinishFineTuningHandler finishTraining)
{
    [Function("plan")]
    public Task PlanAsync([QueueTrigger(StorageNames.PlanQueue)] string message, CancellationToken stop) => plan.RunAsync(Read<PlanMessage>(message), stop);

    [Function("plan-poison")]
    public Task GiveUpPlanAsync([QueueTrigger(StorageNames.PlanQueue + StorageNames.PoisonSuffix)] string message, CancellationToken stop) => plan.GiveUpAsync(Read<PlanMessage>(message), stop);

    [Function("finish")]
    public Task FinishAsync([QueueTrigger(StorageNames.FinishQueue)] string message, CancellationToken stop) => finish.RunAsync(Read<FinishMessage>(message), stop);

    [Function("finish-poison")]
    public Task GiveUpFinishAsync([QueueTrigger(StorageNames.FinishQueue + StorageNames.PoisonSuffix)] string message, CancellationToken stop) => finish.GiveUpAsync(Read<FinishMessage>(message), stop);

    [Function("webhook")]
    public Task DeliverWebhookAsync([QueueTrigger(StorageNames.WebhookQueue)] string message, CancellationToken stop) => webhooks.RunAsync(Read<WebhookMessage>(message), stop);

    [Function("plan-training")]
    public Task PlanTrainingAsync([QueueTrigger(StorageNames.PlanTrainingQueue)] string message, CancellationToken stop) => planTraining.RunAsync(Read<TrainingMessage>(message), stop);

    [Function("plan-training-poison")]
    public Task GiveUpPlanTrainingAsync([QueueTrigger(StorageNames.PlanTrainingQueue + StorageNames.PoisonSuffix)] string message, CancellationToken stop) =>
        planTraining.GiveUpAsync(Read<TrainingMessage>(message), stop);

    [Function("finish-training")]
    public Task FinishTrainingAsync([QueueTrigger(StorageNames.FinishTrainingQueue)] string message, CancellationToken stop) => finishTraining.RunAsync(Read<TrainingMessage>(message), stop);

    [Function("finish-training-poison")]
    public Task GiveUpFinishTrainingAsync([QueueTrigger(StorageNames.FinishTrainingQueue + StorageNames.PoisonSuffix)] string message, CancellationToken stop) =>
        finishTraining.GiveUpAsync(Read<TrainingMessage>(message), stop);

    /// <summary>Read as the Local host reads it, not by the rules of the trigger's binding.</summary>
    private static T Read<T>(string message) => JsonSerializer.Deserialize<T>(message, WireJson.Options)!;
}
