using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>A line on its way through the model: it asks for canvases to be sampled until it is done, and then has an answer.</summary>
internal interface ILineJob
{
    bool IsDone { get; }

    /// <summary>The next canvas; hand what becomes of it to <see cref="Accept"/>.</summary>
    SamplingRow Next();

    void Accept(SampledRow sampled);

    /// <summary>The endpoint's answer, when the job is done.</summary>
    (object Body, LineUsage Usage) Answer();
}

/// <summary>Turns the lines of a batch into jobs.</summary>
internal static class LineJobs
{
    /// <param name="seed">For a line that names none; the same line of the same batch always gets the same.</param>
    /// <exception cref="LineException">The line cannot be run as asked.</exception>
    public static ILineJob Create(string endpoint, JsonElement body, LoadedModel model, ulong seed, DateTimeOffset now)
    {
        try
        {
            var request = new RequestBody(body);
            return endpoint switch
            {
                BatchEndpoint.Infill => InfillJob.Read(request, model, seed, now),
                BatchEndpoint.Completions => CompletionJob.Read(request, model, seed, now),
                BatchEndpoint.ChatCompletions => ChatJob.Read(request, model, seed, now),
                _ => throw new LineException("unsupported_endpoint", $"This worker does not serve {endpoint}"),
            };
        }
        catch (InfillException exception)
        {
            throw new LineException(exception.Code, exception.Message, "text");
        }
    }
}
