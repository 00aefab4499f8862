using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Batches;

/// <summary>Decides from its record what an open batch waits for, and sends its message again when it has waited too long.</summary>
internal sealed partial class StalledBatches(
    BatchStore batches, BatchClosing closing, StalledShards shards, WorkQueues queues, TimeProvider time, ILogger<StalledBatches> logger)
{
    /// <summary>
    /// How long a batch that is being planned or finished may go without a heartbeat. With the interval of the timer, a killed plan is sent
    /// again within a minute.
    /// </summary>
    private static readonly TimeSpan s_stalledAfter = Heartbeat.Interval * 3;

    /// <summary>How long shards may go without a dispatch before their messages are looked for.</summary>
    private static readonly TimeSpan s_shardsStalledAfter = TimeSpan.FromMinutes(2);

    public async Task CheckAsync(OpenBatchRow open, BatchRecord batch, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        bool isStalled = now - (batch.Timestamp ?? now) > s_stalledAfter;
        switch (batch.Status)
        {
            case BatchStatus.Completed or BatchStatus.Failed or BatchStatus.Expired or BatchStatus.Cancelled:
                await closing.RunAsync(batch, cancellation);
                break;
            case BatchStatus.Validating or BatchStatus.InProgress when now >= batch.ExpiresAt + BatchTimes.CancelGrace:
                if (isStalled)    // else it is being finished
                    await SendAgainAsync(batch, StorageNames.FinishQueue, cancellation);
                break;
            case BatchStatus.Cancelling when now >= batch.CancellingAt + BatchTimes.CancelGrace && isStalled:
            case BatchStatus.Finalizing when isStalled:
                await SendAgainAsync(batch, StorageNames.FinishQueue, cancellation);
                break;
            case BatchStatus.Validating when open.PlanSentAt is null:
                break;      // it waits for its turn
            case BatchStatus.Validating when isStalled:
            case BatchStatus.InProgress when isStalled && open.PlanId is null:
                await SendAgainAsync(batch, StorageNames.PlanQueue, cancellation);
                break;
            case BatchStatus.InProgress when now - (open.ReleasedAt ?? now) > s_shardsStalledAfter:
                if (await shards.CheckAsync(open, batch, cancellation))
                    await SendAgainAsync(batch, StorageNames.FinishQueue, cancellation);
                break;
            default:
                break;
        }
    }

    /// <summary>
    /// Sends a message again when the queue holds none as old as the batch's last change, and touches the batch, so that a message that
    /// waits long is not sent once more.
    /// </summary>
    private async Task SendAgainAsync(BatchRecord batch, string queue, CancellationToken cancellation)
    {
        if (!await queues.HasDrainedAsync(queue, batch.Timestamp ?? batch.CreatedAt, cancellation))
            return;
        LogResent(logger, batch.Id, queue);
        await batches.TouchAsync(batch, cancellation);
        if (queue == StorageNames.PlanQueue)
            await queues.SendPlanAsync(batch.Key, cancellation);
        else
            await queues.SendFinishAsync(batch.Key, TimeSpan.Zero, cancellation);
    }

    [LoggerMessage(EventId = 221, Level = LogLevel.Warning, Message = "{Batch} has not moved for a while; sent to queue {Queue} again")]
    private static partial void LogResent(ILogger logger, string batch, string queue);
}
