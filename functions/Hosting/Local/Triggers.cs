using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Schedules;
using LLaDA.Batch.Functions.Webhooks;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Hosting.Local;

/// <summary>The queue triggers and timers of the Local host. Each line calls the handler that the Azure host calls.</summary>
internal sealed partial class Triggers(
    StorageAccount storage, PlanBatchHandler plan, FinishBatchHandler finish, BatchSweep sweep, RetentionTimer deleteExpired, DeliverWebhookHandler webhooks,
    PlanFineTuningHandler planTraining, FinishFineTuningHandler finishTraining, FineTuningSweep sweepTraining, ScheduleTimer fireSchedules, QueueMetrics measureQueues, IConfiguration configuration, TimeProvider time, ILogger<Triggers> logger) : BackgroundService
{
    /// <summary>As host.json has it for the Azure host.</summary>
    public static QueueConsumerOptions Defaults { get; } = new() { Concurrency = 4 };

    private readonly QueueConsumerOptions _options = configuration.GetSection("Triggers").Get<QueueConsumerOptions>() ?? Defaults;

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        ConsumeAsync<PlanMessage>(StorageNames.PlanQueue, plan.RunAsync, stoppingToken),
        ConsumeAsync<PlanMessage>(StorageNames.PoisonQueue(StorageNames.PlanQueue), plan.GiveUpAsync, stoppingToken),
        ConsumeAsync<FinishMessage>(StorageNames.FinishQueue, finish.RunAsync, stoppingToken),
        ConsumeAsync<FinishMessage>(StorageNames.PoisonQueue(StorageNames.FinishQueue), finish.GiveUpAsync, stoppingToken),
        ConsumeAsync<WebhookMessage>(StorageNames.WebhookQueue, webhooks.RunAsync, stoppingToken),
        ConsumeAsync<TrainingMessage>(StorageNames.PlanTrainingQueue, planTraining.RunAsync, stoppingToken),
        ConsumeAsync<TrainingMessage>(StorageNames.PoisonQueue(StorageNames.PlanTrainingQueue), planTraining.GiveUpAsync, stoppingToken),
        ConsumeAsync<TrainingMessage>(StorageNames.FinishTrainingQueue, finishTraining.RunAsync, stoppingToken),
        ConsumeAsync<TrainingMessage>(StorageNames.PoisonQueue(StorageNames.FinishTrainingQueue), finishTraining.GiveUpAsync, stoppingToken),
        RepeatAsync(BatchSweep.Interval, sweep.RunAsync, stoppingToken),
        RepeatAsync(BatchSweep.Interval, sweepTraining.RunAsync, stoppingToken),
        RepeatAsync(ScheduleTimer.Interval, fireSchedules.RunAsync, stoppingToken),
        RepeatAsync(QueueMetrics.Interval, measureQueues.RunAsync, stoppingToken),
        RepeatAsync(RetentionTimer.Interval, deleteExpired.RunAsync, stoppingToken));

    private Task ConsumeAsync<T>(string queue, Func<T, CancellationToken, Task> handler, CancellationToken shutdown)
        where T : class =>
        new QueueConsumer<T>(storage, queue, _options, handler, time, logger).RunAsync(shutdown);

    private async Task RepeatAsync(TimeSpan interval, Func<CancellationToken, Task> handler, CancellationToken shutdown)
    {
        using var timer = new PeriodicTimer(interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(shutdown))
            {
                try
                {
                    await handler(shutdown);
                }
                catch (Exception failure) when (failure is not OperationCanceledException)
                {
                    LogTimerFailed(logger, failure);
                }
            }
        }
        catch (OperationCanceledException) when (shutdown.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    [LoggerMessage(EventId = 231, Level = LogLevel.Error, Message = "A timer failed; it fires again")]
    private static partial void LogTimerFailed(ILogger logger, Exception failure);
}
