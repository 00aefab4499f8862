using Azure;
using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Monitoring;

/// <summary>
/// Measures the age of the oldest message of each queue, poison queues included. The delay of a message sent with one counts in.
/// </summary>
internal sealed class QueueMetrics(StorageAccount storage, RowByRow rows, TimeProvider time)
{
    /// <summary>How often the timer fires.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    public async Task RunAsync(CancellationToken cancellation)
    {
        if (!Telemetry.QueueAge.Enabled)
            return;
        await foreach (string queue in storage.ListQueuesAsync(cancellation))
            await rows.TryAsync("measure-queues", queue, () => MeasureAsync(queue, cancellation), cancellation);
    }

    private async Task MeasureAsync(string queue, CancellationToken cancellation)
    {
        try
        {
            var oldest = (await storage.Queue(queue).PeekMessageAsync(cancellation)).Value;
            var age = time.GetUtcNow() - oldest?.InsertedOn ?? TimeSpan.Zero;
            Telemetry.QueueAge.Record(Math.Max(0, age.TotalSeconds), Telemetry.With(Telemetry.Queue, queue));
        }
        catch (RequestFailedException failure) when (failure.Status == 404)
        {
            // The queue was deleted meanwhile.
        }
    }
}
