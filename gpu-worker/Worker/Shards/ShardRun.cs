using System.Diagnostics;
using LLaDA.Batch.Shared;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Observability;
using LLaDA.Batch.Shared.Storage;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using Microsoft.Extensions.Logging;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>
/// Runs the lines of a shard until each is answered or given up. Lines that fail repeatedly are isolated by halving their group.
/// </summary>
internal sealed partial class ShardRun(ModelResolver models, TimeProvider time, ILogger<ShardRun> logger)
{
    private readonly ShardGeneration _generation = new(time);

    /// <summary>Answers every line and writes the part. Lines of a batch that is no longer wanted are answered with the reason.</summary>
    /// <param name="over">Others wait: what is done is kept, and the next owner continues.</param>
    /// <returns>False if another worker wrote the part first.</returns>
    /// <exception cref="OperationCanceledException">The worker shuts down or has lost the lease.</exception>
    /// <exception cref="TryAgainException">The shard's slice was over.</exception>
    public async Task<bool> RunAsync(ShardWork work, BatchWatch watch, RenewedLease lease, CancellationToken over, CancellationToken stop)
    {
        long started = Stopwatch.GetTimestamp();
        using var cancellation = CancellationTokenSource.CreateLinkedTokenSource(stop, lease.Lost, watch.Unwanted, over);
        var attempts = work.Attempts;
        try
        {
            // A worker that dies loses no more than what was done since, and clients see lines as they end.
            await using (new Heartbeat(work.SaveNewProgressAsync, time))
            {
                while (attempts.Current is not null)
                    attempts = await RunGroupAsync(work, attempts, cancellation.Token);
            }
            return await WritePartAsync(work, "completed", started);
        }
        catch (OperationCanceledException) when (
            watch.Unwanted.IsCancellationRequested && !stop.IsCancellationRequested && !lease.Lost.IsCancellationRequested)
        {
            work.Answers.AddNotRun(work.Lines, watch.Reason);
            return await WritePartAsync(work, watch.Reason.Code, started);
        }
        catch (Exception failure) when (!lease.Lost.IsCancellationRequested)    // otherwise the next owner already keeps the books
        {
            await ExcuseAsync(work, attempts);
            if (failure is OperationCanceledException && over.IsCancellationRequested && !stop.IsCancellationRequested)
                throw new TryAgainException(TimeSpan.Zero, "its slice was over and others wait; what was done is kept");
            throw;
        }
    }

    /// <summary>Runs the current group of lines; once it has failed too often, halves it, or gives up a single line.</summary>
    /// <returns>The remaining groups.</returns>
    private async Task<ShardAttempts> RunGroupAsync(ShardWork work, ShardAttempts attempts, CancellationToken cancellation)
    {
        var group = attempts.Current!;
        ShardLine[] lines = [.. work.Lines.Skip(group.First).Take(group.Count)];
        if (group.Failures >= ShardAttempts.MaxFailures)
        {
            LogIsolating(logger, work.Batch.Id, work.Shard, group.Count, group.Reason ?? "the worker ended without reporting a reason");
            if (group.Count > 1)
                return attempts.Halve();
            work.Answers.AddNotRun(lines, NotRunReason.Failed);
            return attempts.End();
        }

        ShardAttempts begun;
        // The failure may be due to a line of another shard that ended the process of both: lines that have failed once run exclusively.
        using (var lease = await models.AcquireAsync(work.Batch.Tenant, work.Plan.Model, isExclusive: group.Failures > 0, cancellation))
        {
            begun = attempts.Begin();
            await work.Blobs.Shards.WriteAttemptsAsync(work.Shard, begun, cancellation);
            try
            {
                await _generation.RunAsync(work, lines, lease.Model, cancellation);
            }
            catch (Exception failure) when (failure is not OperationCanceledException)
            {
                if (!await lease.Model.WorksAsync(cancellation))
                    throw new BrokenDeviceException(failure);
                Telemetry.Retries.Add(1, Telemetry.With(Telemetry.Work, "lines"), Telemetry.With(Telemetry.Outcome, "failed"));
                // Its message may quote the line, so only its type is stored.
                return begun.Explain(failure.GetType().Name);
            }
        }
        var left = begun.End();
        if (left.Current is not null)
            await work.SaveProgressAsync(cancellation);
        return left;
    }

    private async Task<bool> WritePartAsync(ShardWork work, string outcome, long started)
    {
        var (lines, counts) = work.Answers.Finished;
        bool isFirst = await work.Blobs.Parts.WriteAsync(work.Shard, lines, counts, CancellationToken.None, ShardWork.WorkerName);
        Telemetry.Shards.Add(1, Telemetry.With(Telemetry.Outcome, isFirst ? outcome : "late"));
        if (isFirst)
            LogFinished(logger, work.Batch.Id, work.Shard, work.Lines.Count, Stopwatch.GetElapsedTime(started).TotalSeconds);
        return isFirst;
    }

    /// <summary>
    /// For a shutdown, failing storage, a model that cannot be loaded or a broken device: the attempt does not count, and the answers so
    /// far are kept for the next owner.
    /// </summary>
    private static async Task ExcuseAsync(ShardWork work, ShardAttempts before)
    {
        await work.SaveProgressAsync(CancellationToken.None);
        await work.Blobs.Shards.WriteAttemptsAsync(work.Shard, before, CancellationToken.None);
    }

    [LoggerMessage(EventId = 311, Level = LogLevel.Information, Message = "{Batch}: shard {Shard} of {Lines} lines done in {Seconds:F1} s")]
    private static partial void LogFinished(ILogger logger, string batch, int shard, int lines, double seconds);

    [LoggerMessage(EventId = 312, Level = LogLevel.Warning,
        Message = "{Batch}: {Lines} lines of shard {Shard} failed repeatedly and are halved, or given up if single: {Reason}")]
    private static partial void LogIsolating(ILogger logger, string batch, int shard, int lines, string reason);
}
