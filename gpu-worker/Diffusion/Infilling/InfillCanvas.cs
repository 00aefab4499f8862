using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Infilling;

/// <summary>The tokens of a document, with a length for each gap, while they are filled infill window by infill window.</summary>
/// <remarks>
/// A document that fits the context is one window. A longer one is split: the gaps of a window are filled together, each window with as
/// much text on both sides as fits, and with the fills of the windows before it.
/// </remarks>
internal sealed class InfillCanvas
{
    /// <summary>The length of a gap <c>[MASK]</c> while the lengths of the others are searched.</summary>
    private const int ProvisionalGapLength = 2;

    private readonly InfillDocument _document;
    private readonly int[] _tokens;
    private readonly double[] _confidence;
    private readonly Extent[] _gaps;
    private readonly Window[] _windows;
    private readonly int[] _stepsOfWindow;
    private readonly TextTrace?[] _traces;
    private int _window;
    private int _numReused;

    /// <param name="openLengths">By gap of unknown length, in text order: its number of tokens, in [1, the document's bound].</param>
    public InfillCanvas(InfillDocument document, IReadOnlyList<int> openLengths)
    {
        _document = document;
        _gaps = new Extent[document.Text.Gaps.Count];
        _traces = new TextTrace?[_gaps.Length];
        var lengths = new Queue<int>(openLengths);
        List<int> tokens = [.. document.BeginningOfText];
        foreach (var (index, gap) in document.Text.Gaps.Index())
        {
            tokens.AddRange(document.Pieces[index]);
            int length = gap.Length ?? lengths.Dequeue();
            _gaps[index] = new Extent(tokens.Count, tokens.Count + length);
            tokens.AddRange(Enumerable.Repeat(document.MaskTokenId, length));
        }
        tokens.AddRange(document.Pieces[^1]);
        tokens.Add(document.EndOfTextId);
        _tokens = [.. tokens];
        _confidence = new double[_tokens.Length];
        _windows = [.. Windows()];
        _stepsOfWindow = Options.Steps is { } steps && !document.CountsStepsByBlock
            ? TransferSchedule.ShareSteps([.. _windows.Select(window => NumMasks(Gaps(window)))], steps)
            : [];
    }

    /// <summary>The canvas on which the lengths of its gaps are searched.</summary>
    public static InfillCanvas Draft(InfillDocument document) =>
        new(document, [.. document.OpenGaps.Select(_ => Math.Min(ProvisionalGapLength, document.MaxGapLength))]);

    public bool IsDone => _window == _windows.Length;

    /// <summary>Of each window, the tokens of its canvas and the most that pass through the network.</summary>
    public IReadOnlyList<(int Tokens, long TokenForwards)> WindowSizes => [.. _windows.Index().Select(window =>
    {
        int length = ExtentOf(window.Item).Length;
        var options = Options.Steps is null ? Options : Options with { Steps = _stepsOfWindow[window.Index] };
        return (length, SamplingSize.TokenForwards(length, NumMasks(Gaps(window.Item)), options, _document.Config));
    })];

    /// <summary>Of each gap of unknown length, the tokens around it and those behind it that a search scores.</summary>
    public IReadOnlyList<(int Around, int Forced)> SearchSizes => [.. _document.OpenGaps.Select(gap => (
        _tokens.Length - _gaps[gap].Length,
        _tokens.Skip(_gaps[gap].End).Take(LengthSearch.NumForcedBehind).TakeWhile(token => token != _document.MaskTokenId).Count()))];

    /// <summary>Tokens of the document, its gaps and its ends included.</summary>
    public int NumTokens => _tokens.Length;

    /// <summary>Tokens in gaps.</summary>
    public int NumMasked => NumMasks(_gaps);

    public InfillProgress Progress => new(_window == 0 ? 0 : _windows[_window - 1].EndGap, _gaps.Length);

    private SamplingOptions Options => _document.Options.Sampling;

    /// <summary>A row that tries a length for a gap, with the other gaps masked as they are.</summary>
    public SamplingRow CandidateRow(int gap, int length)
    {
        var (start, end) = _gaps[gap];
        return LengthSearch.CandidateRow(
            _tokens.AsSpan(0, start), length, _tokens.AsSpan(end), _document.MaskTokenId, _document.Context, Options.Forbidden);
    }

    /// <summary>The next window to sample; its result goes to <see cref="Accept(SampledRow)"/>.</summary>
    /// <param name="onStep">Called after each of its steps; null where no one looks.</param>
    public SamplingRow Next(Action<InfillStep>? onStep = null)
    {
        var window = _windows[_window];
        var extent = ExtentOf(window);
        List<int> targets = [];
        foreach (var gap in Gaps(window))
            targets.AddRange(Enumerable.Range(gap.Start - extent.Start, gap.Length));
        var options = Options with { Seed = SeedOfWindow(), Steps = _stepsOfWindow is [] ? Options.Steps : _stepsOfWindow[_window] };
        return new SamplingRow(_tokens[extent.Start..extent.End], options, targets)
        {
            IsTraced = _document.Options.IsTraced,
            OnStep = onStep is null ? null : progress => onStep(StepOf(progress, extent)),
        };
    }

    /// <summary>Takes the result of the next window.</summary>
    public FilledWindow Accept(SampledRow sampled)
    {
        var window = _windows[_window];
        int start = ExtentOf(window).Start;
        List<int> tokens = [];
        List<double> confidence = [];
        List<TextTrace> traces = [];
        foreach (var gap in Gaps(window))
        {
            tokens.AddRange(sampled.Tokens.AsSpan(gap.Start - start, gap.Length));
            confidence.AddRange(sampled.Confidence.AsSpan(gap.Start - start, gap.Length));
            if (TextTrace.Of(sampled, gap.Start - start, gap.Length) is { } trace)
                traces.Add(trace);
        }
        var filled = new FilledWindow([.. tokens], [.. confidence], sampled.NumReusedTokens, traces.Count > 0 ? traces : null);
        Accept(filled);
        return filled;
    }

    /// <summary>Takes the fills of the next window.</summary>
    public void Accept(FilledWindow filled)
    {
        int first = 0;
        foreach (var gap in Gaps(_windows[_window]))
        {
            filled.Tokens.AsSpan(first, gap.Length).CopyTo(_tokens.AsSpan(gap.Start));
            filled.Confidence.AsSpan(first, gap.Length).CopyTo(_confidence.AsSpan(gap.Start));
            first += gap.Length;
        }
        filled.Traces?.ToArray().CopyTo(_traces, _windows[_window].FirstGap);
        _numReused = Math.Max(_numReused, filled.NumReusedTokens);
        _window++;
    }

    /// <summary>Whether windows have the sizes of the document's first ones.</summary>
    public bool Accepts(IReadOnlyList<FilledWindow> filled) => filled.Count <= _windows.Length && filled.Index().All(window =>
        window.Item.Tokens.Length == NumMasks(Gaps(_windows[window.Index]))
        && window.Item.Confidence.Length == window.Item.Tokens.Length);

    /// <summary>The filled text; call it when <see cref="IsDone"/>.</summary>
    public InfilledText ToText()
    {
        List<string> fills = [];
        List<FilledSpan> spans = [];
        foreach (var (index, gap) in _gaps.Index())
        {
            int[] tokens = _tokens[gap.Start..gap.End];
            string fill = _document.Decode(tokens);
            fills.Add(fill);
            double confidence = GeometricMean(_confidence.AsSpan(gap.Start, gap.Length));
            string text = GapText.Restored(_document.Text.Gaps[index], fill);
            spans.Add(new FilledSpan(index, text, tokens, confidence) { Trace = _traces[index] });
        }
        return new InfilledText(_document.Text.Fill(fills), spans, NumTokens - NumMasked) { NumReusedTokens = _numReused };
    }

    private InfillStep StepOf(DenoisingProgress progress, Extent extent)
    {
        int[] tokens = [.. _tokens];
        foreach (var gap in Gaps(_windows[_window]))
        {
            for (int position = gap.Start; position < gap.End; position++)
                tokens[position] = progress.Canvas[position - extent.Start];
        }
        int numMasked = progress.NumMasked + NumMasks(_gaps.AsSpan(_windows[_window].EndGap));
        return new InfillStep(_window, progress.Block, progress.Step, numMasked, () => Shown(tokens));
    }

    private string Shown(int[] tokens) =>
        _document.Text.Fill([.. _gaps.Select(gap => _document.Shown(tokens.AsSpan(gap.Start, gap.Length)))]);

    /// <summary>Takes as many gaps together as leave half of the context for the text around them.</summary>
    private IEnumerable<Window> Windows()
    {
        int longest = _tokens.Length <= _document.Context ? _document.Context : _document.Context / 2;
        for (int first = 0, end; first < _gaps.Length; first = end)
        {
            end = first + 1;
            while (end < _gaps.Length && _gaps[end].End - _gaps[first].Start <= longest)
                end++;
            yield return new Window(first, end);
        }
    }

    /// <summary>The tokens that a window sees: its gaps in the middle, as far as the document allows.</summary>
    private Extent ExtentOf(Window window)
    {
        int firstMask = _gaps[window.FirstGap].Start, endMask = _gaps[window.EndGap - 1].End;
        int around = _document.Context - (endMask - firstMask);
        int start = Math.Max(0, Math.Min(firstMask - (around / 2), _tokens.Length - _document.Context));
        return new Extent(start, Math.Min(_tokens.Length, start + _document.Context));
    }

    private ReadOnlySpan<Extent> Gaps(Window window) => _gaps.AsSpan(window.FirstGap..window.EndGap);

    /// <summary>
    /// Draws follow from the seed and the position, and gaps of different windows often have the same position in their canvases.
    /// </summary>
    private ulong SeedOfWindow() => _window == 0
        ? Options.Seed
        : new CounterRandom(Options.Seed).Below(ulong.MaxValue, 0, (ulong)_window, RandomStream.InfillWindow);

    private static int NumMasks(ReadOnlySpan<Extent> gaps)
    {
        int sum = 0;
        foreach (var gap in gaps)
            sum += gap.Length;
        return sum;
    }

    private static double GeometricMean(ReadOnlySpan<double> probabilities)
    {
        double sum = 0;
        foreach (double probability in probabilities)
            sum += Math.Log(probability);
        return Math.Exp(sum / probabilities.Length);
    }

    /// <summary>A stretch of tokens.</summary>
    private readonly record struct Extent(int Start, int End)
    {
        public int Length => End - Start;
    }

    /// <summary>Gaps that are filled together.</summary>
    private readonly record struct Window(int FirstGap, int EndGap);
}
