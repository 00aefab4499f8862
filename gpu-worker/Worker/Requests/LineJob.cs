using System.Text.Json;
using LLaDA.Batch.Shared.Wire;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Requests;

/// <summary>What a line may ask of the model; many calls may be under way at once.</summary>
/// <param name="SampleAsync">Denoises a canvas.</param>
/// <param name="LogLikelihoodAsync">Estimates log p(answer | prompt) of tokens, in nats.</param>
internal sealed record ModelCalls(
    Func<SamplingRow, Task<SampledRow>> SampleAsync, Func<IReadOnlyList<int>, IReadOnlyList<int>, LikelihoodOptions, Task<double>> LogLikelihoodAsync) : IDisposable
{
    /// <summary>
    /// Gaps whose lengths are searched at once: enough to fill a pass, while all canvases that could be tried need not fit memory.
    /// </summary>
    public const int MaxSearches = 64;

    private readonly SemaphoreSlim _searches = new(MaxSearches);

    /// <summary>Cancelled when the calls are to end.</summary>
    public CancellationToken Ending { get; init; }

    /// <summary>Finds how many tokens a gap wants; see <see cref="LengthSearch"/>.</summary>
    /// <param name="bound">The most.</param>
    /// <param name="trial">A canvas that tries a length.</param>
    public async Task<int> SearchLengthAsync(int bound, Func<int, SamplingRow> trial)
    {
        int[] lengths = [.. LengthSearch.Candidates(bound)];
        if (lengths.Length == 1)
            return lengths[0];
        await _searches.WaitAsync(Ending);
        try
        {
            SamplingRow[] trials = [.. lengths.Select(trial)];
            var sampled = await Task.WhenAll(trials.Select(SampleAsync));
            return LengthSearch.Best(lengths.Zip(trials, sampled));
        }
        finally
        {
            _searches.Release();
        }
    }

    public void Dispose() => _searches.Dispose();
}

/// <summary>A line whose request is valid and can be run.</summary>
internal interface ILineJob
{
    Task<LineAnswer> RunAsync(ModelCalls model);
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
            throw new LineException(exception.Code, exception.Message, "text");
        }
    }
}
