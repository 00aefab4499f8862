using Microsoft.Azure.Functions.Worker;

namespace LLaDA.Batch.Functions.Hosting.Azure;

/// <summary>The timers of the Azure host. Each calls the handler of its name in <see cref="Triggers.Timers"/>.</summary>
internal sealed class TimerTriggers(IServiceProvider services)
{
    [Function("sweep")]
    public Task SweepAsync([TimerTrigger("*/30 * * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) =>
        RunAsync("sweep", stop);

    [Function("sweep-answers")]
    public Task SweepAnswersAsync([TimerTrigger("*/30 * * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) =>
        RunAsync("sweep-answers", stop);

    [Function("sweep-training")]
    public Task SweepTrainingAsync([TimerTrigger("*/30 * * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) =>
        RunAsync("sweep-training", stop);

    [Function("fire-schedules")]
    public Task FireSchedulesAsync([TimerTrigger("*/15 * * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) =>
        RunAsync("fire-schedules", stop);

    [Function("measure-queues")]
    public Task MeasureQueuesAsync([TimerTrigger("*/30 * * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) =>
        RunAsync("measure-queues", stop);

    [Function("delete-expired")]
    public Task DeleteExpiredAsync([TimerTrigger("0 0 * * * *", UseMonitor = false)] TimerInfo timer, CancellationToken stop) =>
        RunAsync("delete-expired", stop);

    private Task RunAsync(string name, CancellationToken stop) =>
        Triggers.Timers.Single(trigger => trigger.Name == name).HandlerOf(services)(stop);
}
