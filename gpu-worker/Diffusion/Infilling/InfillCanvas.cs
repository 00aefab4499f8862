using System.Collections.Immutable;
using LLaDA.Diffusion.Sampling;

namespace LLaDA.Diffusion.Infilling;

/// <summary>The tokens of a document, with a length for each gap, while they are filled infill window by infill window.</summary>
/// <remarks>
/// A document that fits the context is one window. A longer one is split: the gaps of a window are filled together, each window with as
/// much text on both sides as fits, and with the fills of the windows before it. Gaps whose choice is made are text.
/// </remarks>
internal sealed class InfillCanvas
{
    /// <summary>The length of a gap <c>[MASK]</c> while the lengths of the others are searched.</summary>
    private const int ProvisionalGapLength = 2;

    private readonly InfillDocument _document;
    private readonly ImmutableDictionary<int, ChosenText> _chosen;
    private readonly int[] _tokens;
    private readonly double[] _confidence;
    private readonly TokenLogProbabilities?[] _logProbabilities;
    private readonly Extent[] _gaps;

    /// <summary>The gaps that are sampled, in order, and where they are.</summary>
    private readonly int[] _sampled;
    private readonly Extent[] _extents;
    private readonly Window[] _windows;
    private readonly int[] _stepsOfWindow;
    private readonly TextTrace?[] _traces;
    private int _window;
    private int _numReused;

    /// <param name="openLengths">By gap of unknown length, in text order: its number of tokens, in [1, the document's bound].</param>
    /// <param name="chosen">The choices that are made. A gap with another one has masks for its longest choice.</param>
    public InfillCanvas(
        InfillDocument document, IReadOnlyList<int> openLengths, ImmutableDictionary<int, ChosenText>? chosen = null)
    {
        (_document, _chosen) = (document, chosen ?? ImmutableDictionary<int, ChosenText>.Empty);
        _gaps = new Extent[document.Text.Gaps.Count];
        _traces = new TextTrace?[_gaps.Length];
        var lengths = new Queue<int>(openLengths);
        List<int> tokens = [.. document.BeginningOfText];
        foreach (var (index, gap) in document.Text.Gaps.Index())
        {
            tokens.AddRange(document.Pieces[index]);
            int start = tokens.Count;
            if (document.Choices.TryGetValue(index, out var choices))
                tokens.AddRange(_chosen.TryGetValue(index, out var made) ? choices.Tokens[made.Index] : Masks(choices.Longest));
            else
                tokens.AddRange(Masks(gap.Length ?? lengths.Dequeue()));
            _gaps[index] = new Extent(start, tokens.Count);
        }
        tokens.AddRange(document.Pieces[^1]);
        tokens.Add(document.EndOfTextId);
        _tokens = [.. tokens];
        _confidence = new double[_tokens.Length];
        _logProbabilities = new TokenLogProbabilities?[_tokens.Length];
        _sampled = [.. Enumerable.Range(0, _gaps.Length).Where(gap => !document.Choices.ContainsKey(gap))];
        _extents = [.. _sampled.Select(gap => _gaps[gap])];
        _windows = [.. Windows()];
        _stepsOfWindow = Options.Steps is { } steps && !document.CountsStepsByBlock
            ? TransferSchedule.ShareSteps([.. _windows.Select(window => NumMasks(Gaps(window)))], steps)
            : [];
    }

    /// <summary>The canvas on which choices are made and lengths are searched.</summary>
    public static InfillCanvas Draft(InfillDocument document, ImmutableDictionary<int, ChosenText>? chosen = null) =>
        new(document, [.. document.OpenGaps.Select(_ => Math.Min(ProvisionalGapLength, document.MaxGapLength))], chosen);

    public bool IsDone => _window == _windows.Length;

    /// <summary>The sizes of what is sampled for the document.</summary>
    public IReadOnlyList<WindowSize> WindowSizes => [.. _windows.Index().Select(window =>
    {
        int length = ExtentOf(window.Item).Length;
        var options = Options.Steps is null ? Options : Options with { Steps = _stepsOfWindow[window.Index] };
        return new WindowSize(length, SamplingSize.TokenForwards(length, NumMasks(Gaps(window.Item)), options, _document.Config));
    })];

    /// <summary>By gap of unknown length: tokens around it.</summary>
    public IReadOnlyList<int> SearchSizes => [.. _document.OpenGaps.Select(gap => _tokens.Length - _gaps[gap].Length)];

    /// <summary>Of each choice of each gap.</summary>
    public IReadOnlyList<ChoiceSize> ChoiceSizes => [.. _document.Choices.SelectMany(entry => entry.Value.Tokens.Select(choice =>
        new ChoiceSize(
            Math.Min(_document.Context, _tokens.Length - _gaps[entry.Key].Length + choice.Length),
            ChoiceScores.NumSamples(choice.Length, _document.Options.ChoiceSamples))))];

    /// <summary>Tokens of the document, its gaps and its ends included.</summary>
    public int NumTokens => _tokens.Length;

    /// <summary>Tokens in gaps.</summary>
    public int NumMasked => NumMasks(_gaps);

    public InfillProgress Progress =>
        new(_gaps.Length - _sampled.Length + (_window == 0 ? 0 : _windows[_window - 1].EndGap), _gaps.Length);

    private SamplingOptions Options => _document.Options.Sampling;

    /// <summary>A row that tries a length for a gap, with the other gaps masked as they are.</summary>
    public SamplingRow CandidateRow(int gap, int length)
    {
        var (start, end) = _gaps[gap];
        return LengthSearch.CandidateRow(
            _tokens.AsSpan(0, start),
            length,
            _tokens.AsSpan(end),
            _document.MaskTokenId,
            _document.Context,
            Options.Forbidden,
            _document.ForbiddenIn(gap, length));
    }

    /// <summary>Scores the choices of a gap, with the gaps masked that are not filled.</summary>
    public ChoiceScores ScoresOf(int gap) => new(
        _tokens[.._gaps[gap].Start],
        _tokens[_gaps[gap].End..],
        _document.MaskTokenId,
        _document.Context,
        _document.Options.ChoiceSamples,
        Options.Seed);

    /// <summary>The next window to sample; its result goes to <see cref="Accept(SampledRow)"/>.</summary>
    /// <param name="onStep">Called after each of its steps; null where no one looks.</param>
    public SamplingRow Next(Action<InfillStep>? onStep = null)
    {
        var window = _windows[_window];
        var extent = ExtentOf(window);
        List<int> targets = [];
        Dictionary<int, TokenSet> forbidden = [];
        for (int index = window.FirstGap; index < window.EndGap; index++)
        {
            var gap = _extents[index];
            foreach (var (place, tokens) in (_document.ForbiddenIn(_sampled[index], gap.Length) ?? []).Index())
                forbidden[gap.Start - extent.Start + place] = tokens;
            targets.AddRange(Enumerable.Range(gap.Start - extent.Start, gap.Length));
        }
        var options = Options with { Seed = SeedOfWindow(), Steps = _stepsOfWindow is [] ? Options.Steps : _stepsOfWindow[_window] };
        return new SamplingRow(_tokens[extent.Start..extent.End], options, targets)
        {
            ForbiddenAt = forbidden.Count > 0 ? forbidden : null,
            IsTraced = _document.Options.IsTraced,
            NumTop = _document.Options.NumTop,
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
        List<TokenLogProbabilities?> logProbabilities = [];
        List<TextTrace> traces = [];
        foreach (var gap in Gaps(window))
        {
            tokens.AddRange(sampled.Tokens.AsSpan(gap.Start - start, gap.Length));
            confidence.AddRange(sampled.Confidence.AsSpan(gap.Start - start, gap.Length));
            logProbabilities.AddRange((sampled.LogProbabilities ?? []).Skip(gap.Start - start).Take(gap.Length));
            if (TextTrace.Of(sampled, gap.Start - start, gap.Length) is { } trace)
                traces.Add(trace);
        }
        var filled = new FilledWindow([.. tokens], [.. confidence], sampled.NumReusedTokens, traces.Count > 0 ? traces : null)
        {
            LogProbabilities = logProbabilities.Count > 0 ? logProbabilities : null,
        };
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
            for (int index = 0; index < gap.Length; index++)
                _logProbabilities[gap.Start + index] = filled.LogProbabilities?[first + index];
            first += gap.Length;
        }
        foreach (var (index, trace) in (filled.Traces ?? []).Index())
            _traces[_sampled[_windows[_window].FirstGap + index]] = trace;
        _numReused = Math.Max(_numReused, filled.NumReusedTokens);
        _window++;
    }

    /// <summary>Whether windows have the sizes of the document's first ones.</summary>
    public bool Accepts(IReadOnlyList<FilledWindow> filled) => filled.Count <= _windows.Length && filled.Index().All(window =>
        window.Item.Tokens.Length == NumMasks(Gaps(_windows[window.Index]))
        && window.Item.Confidence.Length == window.Item.Tokens.Length
        && (window.Item.LogProbabilities?.Count ?? window.Item.Tokens.Length) == window.Item.Tokens.Length);

    /// <summary>The filled text; call it when <see cref="IsDone"/>.</summary>
    public InfilledText ToText()
    {
        List<FilledSpan> spans = [.. _gaps.Index().Select(gap => Span(gap.Index, gap.Item))];
        string text = _document.Text.Fill([.. spans.Select(span => span.Text)]);
        return new InfilledText(text, spans, NumTokens - NumMasked) { NumReusedTokens = _numReused };
    }

    private FilledSpan Span(int index, Extent gap)
    {
        int[] tokens = _tokens[gap.Start..gap.End];
        var values = _logProbabilities[gap.Start..gap.End];
        if (_chosen.TryGetValue(index, out var chosen))
        {
            double mean = Math.Exp(chosen.LogLikelihoods[chosen.Index] / tokens.Length);
            return new FilledSpan(index, _document.Choices[index].Texts[chosen.Index], tokens, mean) { Choice = chosen };
        }
        string text = GapText.Restored(_document.Text.Gaps[index], _document.Decode(tokens));
        return new FilledSpan(index, text, tokens, GeometricMean(_confidence.AsSpan(gap.Start, gap.Length)))
        {
            Trace = _traces[index],
            LogProbabilities = Array.Exists(values, value => value is not null) ? values : null,
        };
    }

    private InfillStep StepOf(DenoisingProgress progress, Extent extent)
    {
        int[] tokens = [.. _tokens];
        foreach (var gap in Gaps(_windows[_window]))
        {
            for (int position = gap.Start; position < gap.End; position++)
                tokens[position] = progress.Canvas[position - extent.Start];
        }
        int numMasked = progress.NumMasked + NumMasks(_extents.AsSpan(_windows[_window].EndGap));
        return new InfillStep(_window, progress.Block, progress.Step, numMasked, () => Shown(tokens));
    }

    private string Shown(int[] tokens) =>
        _document.Text.Fill([.. _gaps.Select(gap => _document.Shown(tokens.AsSpan(gap.Start, gap.Length)))]);

    private IEnumerable<int> Masks(int length) => Enumerable.Repeat(_document.MaskTokenId, length);

    /// <summary>Takes as many gaps together as leave half of the context for the text around them.</summary>
    private IEnumerable<Window> Windows()
    {
        int longest = _tokens.Length <= _document.Context ? _document.Context : _document.Context / 2;
        for (int first = 0, end; first < _extents.Length; first = end)
        {
            end = first + 1;
            while (end < _extents.Length && _extents[end].End - _extents[first].Start <= longest)
                end++;
            yield return new Window(first, end);
        }
    }

    /// <summary>The tokens that a window sees: its gaps in the middle, as far as the document allows.</summary>
    private Extent ExtentOf(Window window)
    {
        int firstMask = _extents[window.FirstGap].Start, endMask = _extents[window.EndGap - 1].End;
        int around = _document.Context - (endMask - firstMask);
        int start = Math.Max(0, Math.Min(firstMask - (around / 2), _tokens.Length - _document.Context));
        return new Extent(start, Math.Min(_tokens.Length, start + _document.Context));
    }

    private ReadOnlySpan<Extent> Gaps(Window window) => _extents.AsSpan(window.FirstGap..window.EndGap);

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

    /// <summary>Sampled gaps that are filled together, by their order.</summary>
    private readonly record struct Window(int FirstGap, int EndGap);
}
