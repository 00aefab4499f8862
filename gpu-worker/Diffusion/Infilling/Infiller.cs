using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Infilling;

/// <summary>
/// Fills the gaps of texts: makes their choices, searches the lengths of gaps <c>[MASK]</c>, then samples infill window by infill window.
/// </summary>
/// <remarks>
/// <see cref="Fill"/> computes on the calling thread. <c>FillAsync</c> does the same over any source of samples, such as a
/// <see cref="SamplingEngine"/> that many callers share; both give the same text for the same options, bit for bit on a CPU.
/// </remarks>
/// <param name="sampler">Samples the rows; used on the calling thread, and not disposed of.</param>
/// <param name="maxTokens">Tokens of candidate rows that share a pass, at least 1; a longer row runs alone.</param>
public sealed class Infiller(Sampler sampler, LLaDATokenizer tokenizer, int maxTokens = PassBudget.MaxTokensOnCpu) : IDisposable
{
    private readonly TokenSet _nonText = NonText(tokenizer, sampler.Config);
    private readonly PatternTokens _patterns = new(tokenizer, sampler.Config);

    /// <summary>Fills a text.</summary>
    /// <param name="text">With gaps as <see cref="GapText"/> reads them.</param>
    /// <param name="options">Null for the defaults. If they forbid no tokens, those of <see cref="NonText"/> are forbidden.</param>
    /// <param name="onWindow">Called after each infill window, on the calling thread.</param>
    /// <param name="cancellation">Observed between denoising steps.</param>
    /// <exception cref="InfillException">The text has no gap, or gaps that cannot be filled.</exception>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public InfilledText Fill(
        string text, InfillOptions? options = null, Action<InfillProgress>? onWindow = null, CancellationToken cancellation = default)
    {
        options ??= new InfillOptions();
        options = options with { Sampling = options.Sampling with { Forbidden = options.Sampling.Forbidden ?? _nonText } };
        var document = new InfillDocument(GapText.Parse(text), tokenizer, sampler.Config, options, _patterns);
        using var lengths = new LengthSearch(Sample);
        // Every await below finds a completed task, since the sampler computes before it returns: so this does not block.
        return FillAsync(document, Sample, lengths, onWindow, onStep: null, cancellation).GetAwaiter().GetResult();

        Task<IReadOnlyList<SampledRow>> Sample(IReadOnlyList<SamplingRow> rows) =>
            Task.FromResult<IReadOnlyList<SampledRow>>(SampleInPasses(rows, cancellation));
    }

    /// <summary>Fills a document with any source of samples.</summary>
    /// <param name="lengths">May be shared by many documents.</param>
    /// <param name="onWindow">Called after each infill window.</param>
    /// <param name="onStep">
    /// Called after each denoising step that fills gaps, on the sampler's thread; the search for lengths is not among them.
    /// </param>
    /// <param name="cancellation">Ends the wait for a search; <paramref name="sample"/> has a cancellation of its own.</param>
    public static Task<InfilledText> FillAsync(
        InfillDocument document,
        RowSampling sample,
        LengthSearch lengths,
        Action<InfillProgress>? onWindow,
        Action<InfillStep>? onStep,
        CancellationToken cancellation) =>
        FillAsync(document, sample, lengths, onWindow, onStep, InfillState.None, onState: null, cancellation);

    /// <summary>The same from where an earlier fill of the same document came to.</summary>
    /// <param name="state">Of the earlier fill; one that does not fit the document is left aside.</param>
    /// <param name="onState">Called after each choice made, length found and infill window, one call at a time.</param>
    public static async Task<InfilledText> FillAsync(
        InfillDocument document,
        RowSampling sample,
        LengthSearch lengths,
        Action<InfillProgress>? onWindow,
        Action<InfillStep>? onStep,
        InfillState state,
        Action<InfillState>? onState,
        CancellationToken cancellation)
    {
        var memory = new InfillMemory(document.Accepts(state) ? state : InfillState.None, onState);
        await MakeChoicesAsync(document, sample, lengths, memory, cancellation);
        var canvas = new InfillCanvas(
            document, await FindLengthsAsync(document, lengths, memory, cancellation), memory.State.Choices);
        foreach (var window in memory.State.Windows)
            canvas.Accept(window);
        while (!canvas.IsDone)
        {
            memory.AddWindow(canvas.Accept((await sample([canvas.Next(onStep)]))[0]));
            onWindow?.Invoke(canvas.Progress);
        }
        return canvas.ToText();
    }

    /// <summary>The tokens that never fill a gap: special tokens, and ids that stand for nothing.</summary>
    public static TokenSet NonText(LLaDATokenizer tokenizer, LLaDAConfig config)
    {
        int size = config.VocabularySize;
        var unnamed = Enumerable.Range(tokenizer.NumTokens, Math.Max(0, size - tokenizer.NumTokens));
        return new TokenSet(tokenizer.NonTextIds.Where(token => token < size).Concat(unnamed));
    }

    public void Dispose()
    {
        _nonText.Dispose();
        _patterns.Dispose();
    }

    /// <summary>From left to right, each with the choices before it made and all other gaps masked.</summary>
    private static async Task MakeChoicesAsync(
        InfillDocument document, RowSampling sample, LengthSearch searches, InfillMemory memory, CancellationToken cancellation)
    {
        foreach (int gap in document.Choices.Keys.Order().Where(gap => !memory.State.Choices.ContainsKey(gap)))
        {
            var scores = InfillCanvas.Draft(document, memory.State.Choices).ScoresOf(gap);
            double[] likelihoods = await searches.InTurnAsync(
                () => scores.FindAsync(document.Choices[gap].Tokens, sample), cancellation);
            memory.AddChoice(gap, ChosenText.Of([.. likelihoods]));
        }
    }

    /// <summary>All gaps of unknown length at once, each with the others masked.</summary>
    private static async Task<int[]> FindLengthsAsync(
        InfillDocument document, LengthSearch lengths, InfillMemory memory, CancellationToken cancellation)
    {
        var open = document.OpenGaps;
        if (open.Count == 0)
            return [];
        var draft = InfillCanvas.Draft(document, memory.State.Choices);
        var known = memory.State.Lengths;
        return await Task.WhenAll(open.Select(async gap =>
        {
            if (known.TryGetValue(gap, out int length))
                return length;
            length = await lengths.FindAsync(document.MaxGapLength, candidate => draft.CandidateRow(gap, candidate), cancellation);
            memory.AddLength(gap, length);
            return length;
        }));
    }

    /// <summary>Long candidate rows of one gap would otherwise need the memory of all of them at once.</summary>
    private List<SampledRow> SampleInPasses(IReadOnlyList<SamplingRow> rows, CancellationToken cancellation)
    {
        int size = Math.Max(1, maxTokens / rows.Max(row => row.Canvas.Count));
        List<SampledRow> sampled = [];
        foreach (var chunk in rows.Chunk(size))
            sampled.AddRange(sampler.Sample(chunk, cancellation));
        return sampled;
    }
}
