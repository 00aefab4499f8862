using System.IO.Hashing;
using System.Text;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>Runs the lines of a shard through the model, all at once; the sampling engine decides how many rows share a pass.</summary>
internal sealed class ShardGeneration(TimeProvider time)
{
    /// <summary>
    /// Answers every unanswered line, in order of completion. Lines that the model had finished at a cancellation are answered too, so
    /// that they are not computed twice.
    /// </summary>
    public async Task RunAsync(ShardWork work, IReadOnlyList<ShardLine> lines, LoadedModel model, CancellationToken cancellation)
    {
        var answers = work.Answers;
        // One failed line cancels the rows of the others, so that nothing continues after this method has thrown.
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var operations = model.Operations(work.Party, ending.Token);
        await using var frames = work.Batch.IsStreamed ? new FrameWriter(work.Blobs.Frames, time) : null;
        operations.OnStep = frames is null ? null : frames.Show;
        List<Task<(ShardLine Line, LineAnswer Answer)>> running =
            [.. Runnable(work, lines, model).Select(job => job(operations))];
        try
        {
            await foreach (var done in Task.WhenEach(running).WithCancellation(cancellation))
            {
                var (line, answer) = await done;
                Add(line, answer);
            }
        }
        finally
        {
            await ending.CancelAsync();
            await ((Task)Task.WhenAll(running)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            foreach (var done in running.Where(task => task.IsCompletedSuccessfully))
            {
                var (line, answer) = await done;
                if (!answers.Has(line))
                    Add(line, answer);
            }
        }

        void Add(ShardLine line, LineAnswer answer)
        {
            answers.Add(line, answer);
            work.Unfinished.Remove(line);
        }
    }

    /// <summary>The unanswered lines as jobs. A line with an invalid request is refused at once.</summary>
    private List<Func<ModelOperations, Task<(ShardLine Line, LineAnswer Answer)>>> Runnable(
        ShardWork work, IReadOnlyList<ShardLine> lines, LoadedModel model)
    {
        var (batch, answers) = (work.Batch, work.Answers);
        List<Func<ModelOperations, Task<(ShardLine, LineAnswer)>>> runnable = [];
        foreach (var line in lines.Where(line => !answers.Has(line)))
        {
            try
            {
                ulong seed = XxHash64.HashToUInt64(Encoding.UTF8.GetBytes($"{batch.Id}/{line.Line}"));
                var job = LineJobs.Create(batch.Endpoint, line.Body, model, seed, time.GetUtcNow());
                if (work.Plan.Limit is { } limit && !limit.Admits(job.Work))
                    throw new LineException(WorkLimit.Code, limit.Refusal(job.Work, isAtLeast: false));
                runnable.Add(async operations => (line, await job.RunAsync(operations, work.Unfinished.Of(line))));
            }
            catch (LineException exception)
            {
                answers.Refuse(line, exception.Error);
            }
        }
        return runnable;
    }
}
