using LLaDA.Batch.Functions.Answers;
using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Hosting;

/// <summary>All queue triggers and timers. Their names are those of the functions of the Azure host.</summary>
internal static class Triggers
{
    public static IReadOnlyList<QueueBinding> Queues { get; } =
    [
        Queue<PlanMessage>("plan", StorageNames.PlanQueue, services => Of<PlanBatchHandler>(services).RunAsync),
        Poison<PlanMessage>("plan-poison", StorageNames.PlanQueue, services => Of<PlanBatchHandler>(services).GiveUpAsync),
        Queue<FinishMessage>("finish", StorageNames.FinishQueue, services => Of<FinishBatchHandler>(services).RunAsync),
        Poison<FinishMessage>("finish-poison", StorageNames.FinishQueue, services => Of<FinishBatchHandler>(services).GiveUpAsync),
        Queue<WebhookMessage>("webhook", StorageNames.WebhookQueue, services => Of<DeliverWebhookHandler>(services).RunAsync),
        Queue<TrainingMessage>("plan-training", StorageNames.PlanTrainingQueue, services => Of<PlanFineTuningHandler>(services).RunAsync),
        Poison<TrainingMessage>(
            "plan-training-poison", StorageNames.PlanTrainingQueue, services => Of<PlanFineTuningHandler>(services).GiveUpAsync),
        Queue<TrainingMessage>(
            "finish-training", StorageNames.FinishTrainingQueue, services => Of<FinishFineTuningHandler>(services).RunAsync),
        Poison<TrainingMessage>(
            "finish-training-poison", StorageNames.FinishTrainingQueue, services => Of<FinishFineTuningHandler>(services).GiveUpAsync),
    ];

    public static IReadOnlyList<TimerBinding> Timers { get; } =
    [
        new("sweep", BatchSweep.Interval, services => Of<BatchSweep>(services).RunAsync),
        new("sweep-answers", AnswerSweep.Interval, services => Of<AnswerSweep>(services).RunAsync),
        new("sweep-training", BatchSweep.Interval, services => Of<FineTuningSweep>(services).RunAsync),
        new("fire-schedules", ScheduleTimer.Interval, services => Of<ScheduleTimer>(services).RunAsync),
        new("measure-queues", QueueMetrics.Interval, services => Of<QueueMetrics>(services).RunAsync),
        new("delete-expired", RetentionTimer.Interval, services => Of<RetentionTimer>(services).RunAsync),
    ];

    private static QueueBinding<T> Queue<T>(string name, string queue, Func<IServiceProvider, Func<T, CancellationToken, Task>> handlerOf)
        where T : class => new(name, queue, handlerOf);

    private static QueueBinding<T> Poison<T>(string name, string queue, Func<IServiceProvider, Func<T, CancellationToken, Task>> handlerOf)
        where T : class => new(name, StorageNames.PoisonQueue(queue), handlerOf);

    private static T Of<T>(IServiceProvider services)
        where T : notnull => services.GetRequiredService<T>();
}
