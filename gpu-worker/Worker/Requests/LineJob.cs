using System.Text.Json;
using System.Text.RegularExpressions;
using LLaDA.Batch.Shared.Batches;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Infilling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>A line whose request is valid and can be run.</summary>
internal interface ILineJob
{
    /// <summary>What it takes at most.</summary>
    LineWork Work { get; }

    /// <param name="progress">Where the line resumes, and what it adds to.</param>
    Task<LineAnswer> RunAsync(ModelOperations model, LineProgress progress);
}

/// <summary>Turns the lines of a batch into jobs.</summary>
internal static class LineJobs
{
    /// <param name="seed">For a line without a seed; the same line of the same batch always gets the same one.</param>
    /// <exception cref="LineException">The request is invalid.</exception>
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
                BatchEndpoint.Score => ScoreJob.Read(request, model, seed, now),
                _ => throw new LineException("unsupported_endpoint", $"This worker does not serve {endpoint}"),
            };
        }
        catch (InfillException exception)
        {
            throw new LineException(exception.Code, exception.Message, exception.Parameter);
        }
        catch (RegexMatchTimeoutException)
        {
            throw new LineException("server_error", "The model's tokenizer takes too long for this text: its pattern backtracks");
        }
    }
}
