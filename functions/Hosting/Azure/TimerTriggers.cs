using LLaDA.Batch.Functions.Batches;
using LLaDA.Batch.Functions.FineTuning;
using LLaDA.Batch.Functions.Monitoring;
using LLaDA.Batch.Functions.Retention;
using LLaDA.Batch.Functions.Schedules;
using Microsoft.Azure.Functions.Worker;

namespace LLaDA.Batch.Functions.Hosting.Azure;

/// <summary>The timers of the Azure host, at the intervals of the Local one. Each line calls the handler that the Local host calls.</summary>
internal sealed class TimerTriggers(BatchSweep sweep, FineTuningSweep sweepTraining, ScheduleTimer fireSchedules, QueueMetrics measureQueues, RetentionTimer deleteExpired)
{
    [Function("sweep")]
    public Task SweepAsync([TimerTrigger("*/30 * * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) => sweep.RunAsync(stop);

    [Function("sweep-training")]
    public Task SweepTrainingAsync([TimerTrigger("*/30 * * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) => sweepTraining.RunAsync(stop);

    [Function("fire-schedules")]
    public Task FireSchedulesAsync([TimerTrigger("*/15 * * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) => fireSchedules.RunAsync(stop);

    [Function("measure-queues")]
    public Task MeasureQueuesAsync([TimerTrigger("*/30 * * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) => measureQueues.RunAsync(stop);

    [Function("delete-expired")]
    public Task DeleteExpiredAsync([TimerTrigger("0 0 * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) => deleteExpired.RunAsync(stop);
}
