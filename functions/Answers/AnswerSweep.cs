using LLaDA.Batch.Functions.Timers;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>
/// Ends answers at once for which no request waits any more, and sends lost messages again, as the sweep of batches does.
/// </summary>
internal sealed partial class AnswerSweep(
    BatchStore batches,
    StorageAccount storage,
    WorkQueues queues,
    AnswerStart start,
    AnswerEnding ending,
    RowByRow rows,
    TimeProvider time,
    ILogger<AnswerSweep> logger)
{
    public const string Name = "sweep-answers";

    /// <summary>The interval of the timer.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    /// <summary>How long an answer may take before its message is looked for.</summary>
    private static readonly TimeSpan s_stalledAfter = TimeSpan.FromSeconds(30);

    public async Task RunAsync(CancellationToken cancellation)
    {
        await foreach (var open in batches.OpenAnswers.ListAsync(tenant: null, cancellation))
            await rows.TryAsync(Name, BatchRecord.IdPrefix + open.Job.RowKey, () => CheckAsync(open, cancellation), cancellation);
    }

    private async Task CheckAsync(OpenBatchRow open, CancellationToken cancellation)
    {
        if (await batches.OpenAnswers.FindJobAsync(open, cancellation) is { } answer)
            await CheckAsync(open, answer, cancellation);
    }

    private async Task CheckAsync(OpenBatchRow open, BatchRecord answer, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var blobs = new BatchBlobs(storage, answer);
        if (answer.IsTerminal)
            await ending.CloseAsync(answer, cancellation);
        else if (await blobs.Parts.FindAsync(shard: 0, cancellation) is { } part)
            await ending.RunAsync(answer, part.Counts, cancellation);
        else if (answer.Status == BatchStatus.Cancelling)
        {
            if (now >= answer.CancellingAt + BatchTimes.CancelGrace)
                await ending.GiveUpAsync(answer, NotRunReason.Cancelled, cancellation);
        }
        else if (now >= answer.ExpiresAt + BatchTimes.CancelGrace)
            await ending.GiveUpAsync(answer, NotRunReason.Expired, cancellation);
        else if (now - open.ReleasedAt > s_stalledAfter && await IsLostAsync(open, blobs, cancellation))
            await SendAgainAsync(open, answer, cancellation);
    }

    private async Task<bool> IsLostAsync(OpenBatchRow open, BatchBlobs blobs, CancellationToken cancellation) =>
        await queues.HasDrainedAsync(StorageNames.NowQueue(open.Profile!), open.ReleasedAt!.Value, cancellation)
        && !await blobs.Shards.IsLeasedAsync(open.PlanId!, shard: 0, cancellation);

    private async Task SendAgainAsync(OpenBatchRow open, BatchRecord answer, CancellationToken cancellation)
    {
        LogResent(logger, answer.Id, open.Profile!);
        await batches.OpenAnswers.UpdateAsync(answer.Key, current =>
        {
            current.ReleasedAt = time.GetUtcNow();
            return true;
        }, cancellation);
        await start.SendAsync(answer, open.Profile!, cancellation);
    }

    [LoggerMessage(EventId = 252, Level = LogLevel.Warning, Message = "{Answer} has no worker; sent to the workers of {Profile} again")]
    private static partial void LogResent(ILogger logger, string answer, string profile);
}
