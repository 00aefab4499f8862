using System.Diagnostics;
using Azure;
using Azure.Storage.Blobs.Specialized;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Checkpoints;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>
/// Answers the lines of one shard and writes its part, once. May be called twice for the same shard, even at once: the lease lets one work at a time, and the part
/// is written with If-None-Match, so a late worker drops its result.
/// </summary>
public sealed partial class RunShard(
    BatchStore batches, StorageAccount storage, WorkQueues queues, ModelHost models, TimeProvider time, ILogger<RunShard> logger)
{
    /// <summary>Attempts that may end without an excuse (a crash, an unexpected failure) before the shard's lines are given up.</summary>
    private const int MaxAttempts = 3;

    private static readonly TimeSpan s_leaseDuration = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_leaseRetryDelay = TimeSpan.FromSeconds(15);

    private readonly ShardGeneration _generation = new(time);

    /// <param name="stop">The worker shuts down, or the message is somebody else's.</param>
    public async Task RunAsync(ShardMessage message, CancellationToken stop)
    {
        var blobs = new BatchBlobs(storage, message.Tenant, message.Batch);
        var batch = await batches.Records.FindAsync(message.Tenant, message.Batch, stop);
        var plan = await blobs.FindPlanAsync(stop);
        if (batch is not { Status: BatchStatus.InProgress } || plan is null || plan.Attempt != message.Attempt)
            return;     // ended, or about to be: the finish answers its lines

        if (!await blobs.HasPartAsync(message.Shard, stop))
            await WorkAsync(batch, plan, blobs, message.Shard, stop);
        await GoOnAsync(batch, plan, blobs, message, stop);
    }

    private async Task WorkAsync(BatchRecord batch, BatchPlan plan, BatchBlobs blobs, int shard, CancellationToken stop)
    {
        await using var lease = await AcquireAsync(blobs.LeaseOf(plan.Attempt, shard), stop);
        await using var watch = new BatchWatch(batches, batch, time);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(stop, lease.Lost, watch.Unwanted);
        long started = Stopwatch.GetTimestamp();
        var lines = await blobs.ReadShardAsync(plan.Attempt, shard, stop);
        var (finished, counts) = await blobs.ReadProgressAsync(shard, stop);
        var answers = new ShardAnswers(finished, counts);
        int attempts = await blobs.ReadAttemptsAsync(shard, stop) + 1;
        await blobs.WriteAttemptsAsync(shard, attempts, stop);

        if (attempts > MaxAttempts)
        {
            answers.AddNotRun(lines, NotRunReason.Failed);
        }
        else
        {
            try
            {
                using var model = await models.AcquireAsync(plan.Model, cancellation.Token);
                await _generation.RunAsync(batch, lines, model.Model, answers, cancellation.Token);
            }
            catch (OperationCanceledException) when (watch.Unwanted.IsCancellationRequested && !stop.IsCancellationRequested && !lease.Lost.IsCancellationRequested)
            {
                answers.AddNotRun(lines, watch.Reason);
            }
            catch (Exception failure) when (failure is OperationCanceledException or RequestFailedException or IOException or CheckpointException)
            {
                await ExcuseAsync(blobs, shard, attempts, answers, lease);
                throw;
            }
        }
        if (await blobs.WritePartAsync(shard, answers.Lines, answers.Counts, CancellationToken.None))
            LogFinished(logger, batch.Id, shard, lines.Count, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private async Task<RenewedLease> AcquireAsync(BlobLeaseClient lease, CancellationToken cancellation)
    {
        try
        {
            await lease.AcquireAsync(s_leaseDuration, cancellationToken: cancellation);
        }
        catch (RequestFailedException failure) when (failure.Status == 409)
        {
            throw new TryAgainException(s_leaseRetryDelay, "another worker has the shard");
        }
        return new RenewedLease(s_leaseDuration, token => lease.RenewAsync(cancellationToken: token), time, () => lease.ReleaseAsync());
    }

    /// <summary>A shutdown or failing storage is not the shard's fault: the attempt does not count, and what was finished is kept for the next owner.</summary>
    private static async Task ExcuseAsync(BatchBlobs blobs, int shard, int attempts, ShardAnswers answers, RenewedLease lease)
    {
        if (lease.Lost.IsCancellationRequested)
            return;     // the next owner keeps the books now
        await blobs.WriteProgressAsync(shard, answers.Lines, answers.Counts, CancellationToken.None);
        await blobs.WriteAttemptsAsync(shard, attempts - 1, CancellationToken.None);
    }

    /// <summary>Releases the shard whose turn is next. Once none is left to release, looks whether all parts have come, and then calls for the finish.</summary>
    private async Task GoOnAsync(BatchRecord batch, BatchPlan plan, BatchBlobs blobs, ShardMessage message, CancellationToken cancellation)
    {
        int next = message.Shard + BatchTimes.ReleaseWindow;
        if (next < plan.Shards.Count)
            await queues.SendShardAsync(plan.Profile, message with { Shard = next }, cancellation);
        else if ((await blobs.ListPartsAsync(cancellation)).Count == plan.Shards.Count)
            await queues.SendFinishAsync(batch.Tenant, batch.RowKey, TimeSpan.Zero, cancellation);
    }

    [LoggerMessage(EventId = 311, Level = LogLevel.Information, Message = "{Batch}: shard {Shard} of {Lines} lines done in {Seconds:F1} s")]
    private static partial void LogFinished(ILogger logger, string batch, int shard, int lines, double seconds);
}
