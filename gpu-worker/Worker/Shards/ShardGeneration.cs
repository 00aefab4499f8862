using System.IO.Hashing;
using System.Text;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Shards;

/// <summary>Runs the lines of a shard through the model, as many rows of like length at a time as the worker takes.</summary>
internal sealed class ShardGeneration(TensorThread tensors, WorkerOptions options, TimeProvider time)
{
    /// <summary>Canvases are padded to a multiple of this many tokens, so that few shapes occur.</summary>
    private const int LengthStep = 16;

    /// <summary>Answers every line that is not answered yet. What was answered before a cancellation stays.</summary>
    public async Task RunAsync(BatchRecord batch, IReadOnlyList<ShardLine> lines, LoadedModel model, ShardAnswers answers, CancellationToken cancellation)
    {
        var pending = CreateJobs(batch, lines, model, answers);
        while (pending.Count > 0)
        {
            // Jobs of more than one window come again with the next one.
            foreach (var group in pending.Select(job => (Job: job, Row: job.Job.Next())).GroupBy(entry => PaddedLength(entry.Row, model)).OrderBy(group => group.Key))
            {
                foreach (var entries in group.OrderBy(entry => entry.Row.Options.Steps ?? entry.Row.Canvas.Count).Chunk(options.BatchSize))
                {
                    var shape = new CanvasShape(entries.Length, group.Key);
                    var sampled = await tensors.RunAsync(() => model.Sampler.Sample([.. entries.Select(entry => entry.Row)], shape, cancellation), cancellation);
                    foreach (var ((line, job), result) in entries.Select(entry => entry.Job).Zip(sampled))
                        Accept(line, job, result, answers);
                }
            }
            pending.RemoveAll(entry => entry.Job.IsDone);
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

    private static void Accept(ShardLine line, ILineJob job, SampledRow sampled, ShardAnswers answers)
    {
        job.Accept(sampled);
        if (!job.IsDone)
            return;
        var (body, usage) = job.Answer();
        answers.Add(line, body, usage);
    }

    private static int PaddedLength(SamplingRow row, LoadedModel model) =>
        Math.Min(model.ContextLength, (row.Canvas.Count + LengthStep - 1) / LengthStep * LengthStep);
}
