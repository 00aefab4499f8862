using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Models;

/// <summary>What a loaded model can do for lines; many operations run at once.</summary>
internal sealed class ModelOperations : IDisposable
{
    private readonly Func<SamplingRow, Task<SampledRow>> _sample;
    private readonly Func<IReadOnlyList<int>, IReadOnlyList<int>, LikelihoodOptions, Task<double>> _logLikelihood;
    private readonly CancellationToken _ending;
    private readonly LengthSearch _lengths;

    /// <param name="ending">Cancelled when all operations are to end.</param>
    public ModelOperations(
        Func<SamplingRow, Task<SampledRow>> sample,
        Func<IReadOnlyList<int>, IReadOnlyList<int>, LikelihoodOptions, Task<double>> logLikelihood,
        CancellationToken ending = default)
    {
        (_sample, _logLikelihood, _ending) = (sample, logLikelihood, ending);
        _lengths = new LengthSearch(SampleAllAsync);
    }

    /// <summary>Denoises a canvas.</summary>
    public Task<SampledRow> SampleAsync(SamplingRow row) => _sample(row);

    /// <summary>Estimates log p(answer | prompt) of tokens, in nats.</summary>
    public Task<double> LogLikelihoodAsync(IReadOnlyList<int> prompt, IReadOnlyList<int> answer, LikelihoodOptions options) =>
        _logLikelihood(prompt, answer, options);

    /// <summary>Finds how many tokens belong at a place of a text.</summary>
    /// <param name="bound">The most, at least 1.</param>
    /// <param name="candidateRow">Makes the row that tries a length.</param>
    public Task<int> FindLengthAsync(int bound, Func<int, SamplingRow> candidateRow) => _lengths.FindAsync(bound, candidateRow, _ending);

    /// <param name="onWindow">Called after each infill window.</param>
    public Task<InfilledText> FillAsync(InfillDocument document, Action<InfillProgress>? onWindow = null) =>
        Infiller.FillAsync(document, SampleAllAsync, _lengths, onWindow, _ending);

    public void Dispose() => _lengths.Dispose();

    private async Task<IReadOnlyList<SampledRow>> SampleAllAsync(IReadOnlyList<SamplingRow> rows) =>
        await Task.WhenAll(rows.Select(_sample));
}
