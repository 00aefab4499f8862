using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Batch.Worker.Requests;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Tests;

/// <summary>Bodies of lines, and the jobs that are made of them.</summary>
internal static class LineBodies
{
    public const ulong Seed = 7;

    /// <summary>A short body of each endpoint that writes text.</summary>
    public static readonly IReadOnlyDictionary<string, string> Bodies = new Dictionary<string, string>
    {
        [BatchEndpoint.Infill] = """{"model":"tiny","text":"the [MASK:3] fox"}""",
        [BatchEndpoint.Completions] = """{"model":"tiny","prompt":"the lazy"}""",
        [BatchEndpoint.ChatCompletions] = """{"model":"tiny","messages":[{"role":"user","content":"hi"}]}""",
    };

    public static ILineJob CreateJob(this TinyModel model, string endpoint, string body) =>
        LineJobs.Create(endpoint, JsonSerializer.Deserialize<JsonElement>(body), model.Loaded, Seed, DateTimeOffset.UnixEpoch);

    /// <summary>The first canvas that a job asks for.</summary>
    public static SamplingRow FirstRow(ILineJob job)
    {
        SamplingRow? first = null;
        _ = job.RunAsync(new ModelOperations(
            row =>
            {
                first ??= row;
                return new TaskCompletionSource<SampledRow>().Task;
            },
            (_, _, _, _, _) => throw new InvalidOperationException()), new LineProgress());
        return first!;
    }

    /// <summary>A body with more parameters.</summary>
    public static string With(string body, string parameters) => body[..^1] + "," + parameters + "}";
}
