using System.Diagnostics;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Queues;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>
/// Answers the lines of one shard and writes its part, once. May be called twice for the same shard, even at once: the lease admits one
/// worker at a time, and the part is written with If-None-Match, so a late worker drops its result.
/// </summary>
public sealed partial class ShardMessageHandler(
    BatchStore batches,
    StorageAccount storage,
    WorkQueues queues,
    ShardDispatcher dispatcher,
    ModelResolver models,
    WorkerOptions options,
    TimeProvider time,
    ILogger<ShardMessageHandler> logger)
{
    private readonly ShardGeneration _generation = new(time);

    /// <param name="stop">The worker shuts down, or another worker owns the message.</param>
    public async Task RunAsync(ShardMessage message, CancellationToken stop)
    {
        var blobs = new BatchBlobs(storage, message.Key);
        var batch = await batches.FindAsync(message.Key, stop);
        var plan = await blobs.FindPlanAsync(stop);
        if (batch is not { Status: BatchStatus.InProgress } || plan is null || plan.PlanId != message.PlanId)
            return;     // ended, or about to be: the finish answers its lines

        await TracedWork.RunAsync("shard", batch.Id, batch.TraceParent, async () =>
        {
            if (!await blobs.HasPartAsync(message.Shard, stop) && await WorkAsync(batch, plan, blobs, message.Shard, stop))
                await dispatcher.DispatchNextAsync(batch.Tenant, stop);
            await CallForFinishAsync(batch, plan, blobs, stop);
        }, message.Shard);
    }

    /// <returns>False when another worker wrote the part.</returns>
    private async Task<bool> WorkAsync(BatchRecord batch, BatchPlan plan, BatchBlobs blobs, int shard, CancellationToken stop)
    {
        await using var lease = await blobs.TryLeaseAsync(plan.PlanId, shard, options.LeaseDuration, time, stop)
            ?? throw new TryAgainException(options.LeaseDuration / 4, "another worker has the shard");
        await using var watch = new BatchWatch(batches, batch, time);
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(stop, lease.Lost, watch.Unwanted);
        long started = Stopwatch.GetTimestamp();
        var lines = await blobs.ReadShardAsync(plan.PlanId, shard, stop);
        var (finished, counts) = await blobs.ReadProgressAsync(shard, stop);
        var answers = new ShardAnswers(finished, counts);
        var attempts = await blobs.FindAttemptsAsync(shard, stop) ?? ShardAttempts.Of(lines.Count);
        try
        {
            while (attempts.Current is not null)
                attempts = await RunGroupAsync(batch, plan, blobs, shard, lines, attempts, answers, cancellation.Token);
            return await EndAsync("completed");
        }
        catch (OperationCanceledException) when (watch.Unwanted.IsCancellationRequested && !stop.IsCancellationRequested && !lease.Lost.IsCancellationRequested)
        {
            answers.AddNotRun(lines, watch.Reason);
            return await EndAsync(watch.Reason.Code);
        }
        catch
        {
            await ExcuseAsync(blobs, shard, attempts, answers, lease);
            throw;
        }

        async Task<bool> EndAsync(string outcome)
        {
            bool isMine = await blobs.WritePartAsync(shard, answers.Lines, answers.Counts, CancellationToken.None);
            Telemetry.Shards.Add(1, Telemetry.With(Telemetry.Outcome, isMine ? outcome : "late"));
            if (isMine)
                LogFinished(logger, batch.Id, shard, lines.Count, Stopwatch.GetElapsedTime(started).TotalSeconds);
            return isMine;
        }
    }

    /// <summary>Runs the lines whose turn it is; once they have failed too often, halves them, or gives a single one up.</summary>
    /// <returns>What is left to run; what is thrown is not the lines' fault.</returns>
    private async Task<ShardAttempts> RunGroupAsync(
        BatchRecord batch, BatchPlan plan, BatchBlobs blobs, int shard, IReadOnlyList<ShardLine> lines, ShardAttempts attempts, ShardAnswers answers, CancellationToken cancellation)
    {
        var group = attempts.Current!;
        ShardLine[] inTurn = [.. lines.Skip(group.First).Take(group.Count)];
        if (group.Failures >= ShardAttempts.MaxFailures)
        {
            LogIsolating(logger, batch.Id, shard, group.Count, group.Reason ?? "the worker ended without a word");
            if (group.Count > 1)
                return attempts.Halve();
            answers.AddNotRun(inTurn, NotRunReason.Failed);
            return attempts.End();
        }

        ShardAttempts begun;
        // A failure may be a neighbour's, whose line ended the process of both: lines that have failed once are run alone.
        using (var model = await models.AcquireAsync(batch.Tenant, plan.Model, isAlone: group.Failures > 0, cancellation))
        {
            begun = attempts.Begin();
            await blobs.WriteAttemptsAsync(shard, begun, cancellation);
            try
            {
                await _generation.RunAsync(batch, inTurn, model.Model, answers, cancellation);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                if (!await model.Model.WorksAsync(cancellation))
                    throw new BrokenDeviceException(failure);
                Telemetry.Retries.Add(1, Telemetry.With(Telemetry.Work, "lines"), Telemetry.With(Telemetry.Outcome, "failed"));
                // Its message may quote the line, so only its type is kept.
                return begun.Explain(failure.GetType().Name);
            }
        }
        var left = begun.End();
        if (left.Current is not null)
            await blobs.WriteProgressAsync(shard, answers.Lines, answers.Counts, cancellation);
        return left;
    }

    /// <summary>For a shutdown, a lost lease, failing storage, a model that cannot be loaded or a broken device: the attempt does not count, and what was finished is kept for the next owner.</summary>
    private static async Task ExcuseAsync(BatchBlobs blobs, int shard, ShardAttempts before, ShardAnswers answers, RenewedLease lease)
    {
        if (lease.Lost.IsCancellationRequested)
            return;     // the next owner keeps the books now
        await blobs.WriteProgressAsync(shard, answers.Lines, answers.Counts, CancellationToken.None);
        await blobs.WriteAttemptsAsync(shard, before, CancellationToken.None);
    }

    /// <summary>Sends the finish message once all shards are dispatched and all parts exist.</summary>
    private async Task CallForFinishAsync(BatchRecord batch, BatchPlan plan, BatchBlobs blobs, CancellationToken cancellation)
    {
        bool isDispatched = await batches.Open.FindAsync(batch.Key, cancellation) is { } open && open.NumReleased >= plan.Shards.Count;
        if (isDispatched && await blobs.CountPartsAsync(cancellation) == plan.Shards.Count)
            await queues.SendFinishAsync(batch.Key, TimeSpan.Zero, cancellation);
    }

    [LoggerMessage(EventId = 311, Level = LogLevel.Information, Message = "{Batch}: shard {Shard} of {Lines} lines done in {Seconds:F1} s")]
    private static partial void LogFinished(ILogger logger, string batch, int shard, int lines, double seconds);

    [LoggerMessage(EventId = 312, Level = LogLevel.Warning, Message = "{Batch}: {Lines} lines of shard {Shard} failed again and are run in halves, or given up when alone: {Reason}")]
    private static partial void LogIsolating(ILogger logger, string batch, int shard, int lines, string reason);
}
