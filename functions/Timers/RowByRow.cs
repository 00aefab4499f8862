using LLaDA.Batch.Shared.Observability;

namespace LLaDA.Batch.Functions.Timers;

/// <summary>
/// The work of timers, one row after another: a row that fails is named in the log, counted and left to the next turn, and the rows behind
/// it are worked on.
/// </summary>
internal sealed partial class RowByRow(ILogger<RowByRow> logger)
{
    /// <param name="timer">The timer's name: an attribute of the count.</param>
    /// <param name="row">The id of the row's object, for the log.</param>
    /// <param name="stop">The host stops: the only reason that ends the timer's turn.</param>
    public async Task TryAsync(string timer, string row, Func<Task> work, CancellationToken stop)
    {
        try
        {
            await work();
        }
        catch (Exception failure) when (!(failure is OperationCanceledException && stop.IsCancellationRequested))
        {
            LogFailed(logger, timer, row, failure);
            Telemetry.FailedRows.Add(1, Telemetry.With(Telemetry.Work, timer));
        }
    }

    [LoggerMessage(EventId = 281, Level = LogLevel.Error, Message = "Timer {Timer} failed at {Row}; its next turn tries it again")]
    private static partial void LogFailed(ILogger logger, string timer, string row, Exception failure);
}
