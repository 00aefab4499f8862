using LLaDA.Batch.Shared.Storage;
using Microsoft.Azure.Functions.Worker;

namespace LLaDA.Batch.Functions.Hosting.Azure;

/// <summary>The queue triggers of the Azure host. Each calls the handler of its name in <see cref="Triggers.Queues"/>.</summary>
internal sealed class QueueTriggers(IServiceProvider services)
{
    [Function("plan")]
    public Task PlanAsync([QueueTrigger(StorageNames.PlanQueue)] string message, CancellationToken stop) =>
        HandleAsync("plan", message, stop);

    [Function("plan-poison")]
    public Task GiveUpPlanAsync(
        [QueueTrigger(StorageNames.PlanQueue + StorageNames.PoisonSuffix)] string message, CancellationToken stop) =>
        HandleAsync("plan-poison", message, stop);

    [Function("finish")]
    public Task FinishAsync([QueueTrigger(StorageNames.FinishQueue)] string message, CancellationToken stop) =>
        HandleAsync("finish", message, stop);

    [Function("finish-poison")]
    public Task GiveUpFinishAsync(
        [QueueTrigger(StorageNames.FinishQueue + StorageNames.PoisonSuffix)] string message, CancellationToken stop) =>
        HandleAsync("finish-poison", message, stop);

    [Function("webhook")]
    public Task DeliverWebhookAsync([QueueTrigger(StorageNames.WebhookQueue)] string message, CancellationToken stop) =>
        HandleAsync("webhook", message, stop);

    [Function("plan-training")]
    public Task PlanTrainingAsync([QueueTrigger(StorageNames.PlanTrainingQueue)] string message, CancellationToken stop) =>
        HandleAsync("plan-training", message, stop);

    [Function("plan-training-poison")]
    public Task GiveUpPlanTrainingAsync(
        [QueueTrigger(StorageNames.PlanTrainingQueue + StorageNames.PoisonSuffix)] string message, CancellationToken stop) =>
        HandleAsync("plan-training-poison", message, stop);

    [Function("finish-training")]
    public Task FinishTrainingAsync([QueueTrigger(StorageNames.FinishTrainingQueue)] string message, CancellationToken stop) =>
        HandleAsync("finish-training", message, stop);

    [Function("finish-training-poison")]
    public Task GiveUpFinishTrainingAsync(
        [QueueTrigger(StorageNames.FinishTrainingQueue + StorageNames.PoisonSuffix)] string message, CancellationToken stop) =>
        HandleAsync("finish-training-poison", message, stop);

    private Task HandleAsync(string name, string message, CancellationToken stop) =>
        Triggers.Queues.Single(trigger => trigger.Name == name).HandleAsync(services, message, stop);
}
