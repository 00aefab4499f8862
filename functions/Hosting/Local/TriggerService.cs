using LLaDA.Batch.Shared.Queues;

namespace LLaDA.Batch.Functions.Hosting.Local;

/// <summary>Runs the queue triggers and timers in the Local host.</summary>
internal sealed partial class TriggerService(
    IServiceProvider services, IConfiguration configuration, TimeProvider time, ILogger<TriggerService> logger) : BackgroundService
{
    /// <summary>As host.json has it for the Azure host.</summary>
    public static QueueConsumerOptions Defaults { get; } = new() { Concurrency = 4 };

    protected override Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var options = configuration.GetSection("Triggers").Get<QueueConsumerOptions>() ?? Defaults;
        return Task.WhenAll([
            .. Triggers.Queues.Select(trigger => trigger.ConsumeAsync(services, options, logger, stoppingToken)),
            .. Triggers.Timers.Select(trigger => RepeatAsync(trigger, stoppingToken)),
        ]);
    }

    private async Task RepeatAsync(TimerBinding trigger, CancellationToken stop)
    {
        using var timer = new PeriodicTimer(trigger.Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stop))
                await RunAsync(trigger, stop);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private async Task RunAsync(TimerBinding trigger, CancellationToken stop)
    {
        try
        {
            await trigger.HandlerOf(services)(stop);
        }
        catch (Exception failure) when (!(failure is OperationCanceledException && stop.IsCancellationRequested))
        {
            LogTimerFailed(logger, trigger.Name, failure);
        }
    }

    [LoggerMessage(EventId = 231, Level = LogLevel.Error, Message = "Timer {Timer} failed; it fires again at its next turn")]
    private static partial void LogTimerFailed(ILogger logger, string timer, Exception failure);
}
