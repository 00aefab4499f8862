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

    /// <summary>Takes the steps of a line that is shown while it is answered; null where none is.</summary>
    public Action<LineStep>? OnStep { get; set; }

    /// <summary>Denoises a canvas.</summary>
    public Task<SampledRow> SampleAsync(SamplingRow row) => _sample(row);

    /// <summary>Estimates log p(answer | prompt) of tokens, in nats.</summary>
    public Task<double> LogLikelihoodAsync(IReadOnlyList<int> prompt, IReadOnlyList<int> answer, LikelihoodOptions options) =>
        _logLikelihood(prompt, answer, options);

    /// <summary>Finds how many tokens belong at a place of a text.</summary>
    /// <param name="bound">The most, at least 1.</param>
    /// <param name="candidateRow">Makes the row that tries a length.</param>
    public Task<int> FindLengthAsync(int bound, Func<int, SamplingRow> candidateRow) => _lengths.FindAsync(bound, candidateRow, _ending);

    /// <summary>Fills the gaps of a document, and shows its steps.</summary>
    public Task<InfilledText> FillAsync(InfillDocument document) =>
        Infiller.FillAsync(document, SampleAllAsync, _lengths, onWindow: null, OnStep is null ? null : Show, _ending);

    public void Dispose() => _lengths.Dispose();

    private void Show(InfillStep step) =>
        OnStep!(new LineStep(step.Block, step.Step, step.NumMasked, () => new ShownText(step.ToText(), NumSettled: 0)));

    private async Task<IReadOnlyList<SampledRow>> SampleAllAsync(IReadOnlyList<SamplingRow> rows) =>
        await Task.WhenAll(rows.Select(_sample));
}
