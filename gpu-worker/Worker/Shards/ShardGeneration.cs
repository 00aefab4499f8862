using System.IO.Hashing;
using System.Text;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>Runs the lines of a shard through the model, all at once: the model's engine decides how many rows share a pass.</summary>
internal sealed class ShardGeneration(TimeProvider time)
{
    /// <summary>Answers every line that is not answered yet, in the order in which they are done. What the model had finished at a cancellation is answered too: nobody computes it again.</summary>
    public async Task RunAsync(BatchRecord batch, IReadOnlyList<ShardLine> lines, LoadedModel model, ShardAnswers answers, CancellationToken cancellation)
    {
        // A line that fails ends the others' rows too: nothing goes on behind the caller's back.
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var operations = model.Operations(ending.Token);
        var running = CreateJobs(batch, lines, model, answers).ToDictionary(entry => entry.Job.RunAsync(operations), entry => entry.Line);
        try
        {
            await foreach (var done in Task.WhenEach(running.Keys).WithCancellation(cancellation))
            {
                var (body, usage) = await done;
                answers.Add(running[done], body, usage);
            }
        }
        finally
        {
            await ending.CancelAsync();
            await Task.WhenAll(running.Keys).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            foreach (var (job, line) in running.Where(entry => entry.Key.IsCompletedSuccessfully && !answers.Has(entry.Value)))
            {
                var (body, usage) = await job;
                answers.Add(line, body, usage);
            }
        }
    }

    private List<(ShardLine Line, ILineJob Job)> CreateJobs(BatchRecord batch, IReadOnlyList<ShardLine> lines, LoadedModel model, ShardAnswers answers)
    {
        List<(ShardLine, ILineJob)> jobs = [];
        foreach (var line in lines.Where(line => !answers.Has(line)))
        {
            try
            {
                ulong seed = XxHash64.HashToUInt64(Encoding.UTF8.GetBytes($"{batch.Id}/{line.Line}"));
                jobs.Add((line, LineJobs.Create(batch.Endpoint, line.Body, model, seed, time.GetUtcNow())));
            }
            catch (LineException exception)
            {
                answers.Refuse(line, exception.Error);
            }
        }
        return jobs;
    }
}
