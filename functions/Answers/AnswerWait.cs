using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Storage;

namespace LLaDA.Batch.Functions.Answers;

/// <summary>The part of an answer: its line and what it counts.</summary>
internal sealed record AnswerPart(PartLine Line, PartCounts Counts);

/// <summary>Waits for the part of an answer.</summary>
internal sealed class AnswerWait(StorageAccount storage, WaitPace pace, TimeProvider time)
{
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(25), s_longestPause = TimeSpan.FromMilliseconds(250);

    /// <summary>A pause is a fortieth of the time waited so far: looking late costs an answer little of its time.</summary>
    private const int PausesInWait = 40;

    /// <returns>Null when the time is over.</returns>
    public async Task<AnswerPart?> RunAsync(BatchRecord answer, TimeSpan wait, CancellationToken cancellation)
    {
        long started = time.GetTimestamp();
        using var looks = pace.Begin(answer.Tenant);
        while (true)
        {
            if (await FindAsync(answer, cancellation) is { } part)
                return part;
            var waited = time.GetElapsedTime(started);
            if (waited >= wait)
                return null;
            var pause = TimeSpan.FromTicks(Math.Clamp((waited / PausesInWait).Ticks, s_shortestPause.Ticks, s_longestPause.Ticks));
            pause = looks.Pause(pause);
            await Task.Delay(pause < wait - waited ? pause : wait - waited, time, cancellation);
        }
    }

    public async Task<AnswerPart?> FindAsync(BatchRecord answer, CancellationToken cancellation) =>
        await new BatchBlobs(storage, answer).Parts.FindAsync(shard: 0, cancellation) is { } part
            ? new AnswerPart(part.Lines[0], part.Counts)
            : null;
}
