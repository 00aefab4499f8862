using LLaDA.Diffusion.Evaluation;
using LLaDA.Diffusion.Infilling;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Batch.Worker.Models;

/// <summary>Estimates log p(answer | prompt) of tokens, in nats.</summary>
/// <param name="from">The samples that are done.</param>
/// <param name="onPass">Called with those done so far, after each pass.</param>
internal delegate Task<double> Scoring(
    IReadOnlyList<int> prompt, IReadOnlyList<int> answer, LikelihoodOptions options, PartialScore from, Action<PartialScore> onPass);

/// <summary>What a loaded model can do for lines; many operations run at once.</summary>
internal sealed class ModelOperations : IDisposable
{
    private readonly Func<SamplingRow, Task<SampledRow>> _sample;
    private readonly Scoring _score;
    private readonly CancellationToken _ending;
    private readonly LengthSearch _lengths;

    /// <param name="ending">Cancelled when all operations are to end.</param>
    public ModelOperations(Func<SamplingRow, Task<SampledRow>> sample, Scoring score, CancellationToken ending = default)
    {
        (_sample, _score, _ending) = (sample, score, ending);
        _lengths = new LengthSearch(SampleAllAsync);
    }

    /// <summary>Takes the steps of a line that is shown while it is answered; null where none is.</summary>
    public Action<LineStep>? OnStep { get; set; }

    /// <summary>Denoises a canvas.</summary>
    public Task<SampledRow> SampleAsync(SamplingRow row) => _sample(row);

    /// <inheritdoc cref="Scoring"/>
    public Task<double> LogLikelihoodAsync(
        IReadOnlyList<int> prompt, IReadOnlyList<int> answer, LikelihoodOptions options, PartialScore from, Action<PartialScore> onPass) =>
        _score(prompt, answer, options, from, onPass);

    /// <summary>Finds how many tokens belong at a place of a text.</summary>
    /// <param name="bound">The most, at least 1.</param>
    /// <param name="candidateRow">Makes the row that tries a length.</param>
    public Task<int> FindLengthAsync(int bound, Func<int, SamplingRow> candidateRow) => _lengths.FindAsync(bound, candidateRow, _ending);

    /// <summary>Fills the gaps of a document, and shows its steps.</summary>
    /// <param name="state">Where to resume.</param>
    /// <param name="onState">Called after each choice made, length found and infill window, one call at a time.</param>
    public Task<InfilledText> FillAsync(InfillDocument document, InfillState state, Action<InfillState> onState) => Infiller.FillAsync(
        document, SampleAllAsync, _lengths, onWindow: null, OnStep is null ? null : Show, state, onState, _ending);

    public void Dispose() => _lengths.Dispose();

    private void Show(InfillStep step) =>
        OnStep!(new LineStep(step.Block, step.Step, step.NumMasked, () => new ShownText(step.ToText(), NumSettled: 0)));

    private async Task<IReadOnlyList<SampledRow>> SampleAllAsync(IReadOnlyList<SamplingRow> rows) =>
        await Task.WhenAll(rows.Select(_sample));
}
