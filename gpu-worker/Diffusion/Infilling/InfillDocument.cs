using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Infilling;

/// <summary>A filled gap.</summary>
/// <param name="Text">As it stands in the document.</param>
/// <param name="Confidence">Geometric mean of the probabilities with which its tokens were committed, in [0, 1].</param>
public sealed record FilledSpan(int Index, string Text, IReadOnlyList<int> Tokens, double Confidence);

/// <summary>
/// A text with gaps on its way through the model. A document longer than the model's context is filled window by window: the gaps of a window together, each
/// window with as much text on both sides as fits, and with the fills of the windows before it.
/// </summary>
public sealed class InfillDocument
{
    /// <summary>Of a document: a line is run as a whole, and its canvases are held in memory.</summary>
    public const int MaxGaps = 4096, MaxMaskedTokens = 262_144;

    private const uint WindowPurpose = 61;

    private readonly GapText _text;
    private readonly LLaDATokenizer _tokenizer;
    private readonly SamplingOptions _options;
    private readonly int _context;
    private readonly int _maskTokenId;
    private readonly int[] _canvas;
    private readonly double[] _confidence;
    private readonly (int Start, int End)[] _gaps;
    private readonly int[] _stepsOfWindow;
    private readonly (int FirstGap, int EndGap)[] _windows;
    private int _window;

    /// <param name="text">Must have a gap.</param>
    /// <param name="maskTokenId">The model's [MASK].</param>
    /// <param name="context">The model's longest canvas, in tokens.</param>
    /// <param name="openLengths">By gap of unknown length, in their order, the number of tokens to fill it with.</param>
    /// <param name="options">Of the whole document; its steps are shared out among the windows.</param>
    /// <exception cref="InfillException">No gap, an empty one, one that does not fit into the context, or more in all than a document may have.</exception>
    public InfillDocument(GapText text, LLaDATokenizer tokenizer, int maskTokenId, int context, IReadOnlyList<int> openLengths, SamplingOptions options)
    {
        if (text.Gaps.Count == 0)
            throw new InfillException("no_gap", "The text has no gap: write [MASK:n] for n tokens or [MASK]");
        if (text.Gaps.Count > MaxGaps)
            throw new InfillException("too_many_gaps", $"The text has {text.Gaps.Count} gaps; at most {MaxGaps} are allowed");

        (_text, _tokenizer, _options, _context, _maskTokenId) = (text, tokenizer, options, context, maskTokenId);
        _gaps = new (int, int)[text.Gaps.Count];
        var lengths = new Queue<int>(openLengths);
        List<int> canvas = [tokenizer.BeginningOfTextId];
        int numMasked = 0;
        foreach (var (index, piece) in text.Pieces.Index())
        {
            canvas.AddRange(tokenizer.Encode(piece));
            if (index == _gaps.Length)
                break;
            int length = text.Gaps[index].Length ?? lengths.Dequeue();
            if (length < 1)
                throw new InfillException("empty_gap", $"Gap {index} has length 0; a gap has at least one token");
            if (length > context - 2)
                throw new InfillException("context_length_exceeded", $"Gap {index} of {length} tokens does not fit into the model's context of {context}");
            numMasked += length;
            if (numMasked > MaxMaskedTokens)
                throw new InfillException("too_many_masked_tokens", $"The gaps of the text have more than {MaxMaskedTokens} tokens in all, a gap of unknown length counting as its bound");
            _gaps[index] = (canvas.Count, canvas.Count + length);
            canvas.AddRange(Enumerable.Repeat(maskTokenId, length));
        }
        canvas.Add(tokenizer.EndOfTextId);
        _canvas = [.. canvas];
        _confidence = new double[_canvas.Length];
        _windows = [.. Windows()];
        _stepsOfWindow = options.Steps is { } steps
            ? TransferSchedule.ShareSteps([.. _windows.Select(window => NumMasks(window.FirstGap, window.EndGap))], steps)
            : [];
    }

    public bool IsDone => _window == _windows.Length;

    /// <summary>Tokens of the document, its gaps and its ends included.</summary>
    public int NumTokens => _canvas.Length;

    /// <summary>Tokens in gaps.</summary>
    public int NumMasked => NumMasks(0, _gaps.Length);

    /// <summary>A canvas that tries a length for a gap, with the other gaps of the document masked as they are.</summary>
    public SamplingRow CandidateRow(int gap, int length) =>
        LengthSearch.CandidateRow(_canvas.AsSpan(0, _gaps[gap].Start), length, _canvas.AsSpan(_gaps[gap].End), _maskTokenId, _context, _options.Forbidden);

    /// <summary>The next window to sample; hand its result to <see cref="Accept"/>.</summary>
    public SamplingRow Next()
    {
        var (start, end) = Extent(_windows[_window]);
        var (firstGap, endGap) = _windows[_window];
        int[] targets = [.. _gaps[firstGap..endGap].SelectMany(gap => Enumerable.Range(gap.Start - start, gap.End - gap.Start))];
        var options = _options with { Seed = SeedOfWindow(), Steps = _stepsOfWindow.Length == 0 ? _options.Steps : _stepsOfWindow[_window] };
        return new SamplingRow(_canvas[start..end], options, targets);
    }

    public void Accept(SampledRow sampled)
    {
        var (start, _) = Extent(_windows[_window]);
        var (firstGap, endGap) = _windows[_window];
        foreach (var gap in _gaps[firstGap..endGap])
        {
            sampled.Tokens.AsSpan(gap.Start - start, gap.End - gap.Start).CopyTo(_canvas.AsSpan(gap.Start));
            sampled.Confidence.AsSpan(gap.Start - start, gap.End - gap.Start).CopyTo(_confidence.AsSpan(gap.Start));
        }
        _window++;
    }

    /// <summary>The filled document; call it when <see cref="IsDone"/>.</summary>
    public (string Text, IReadOnlyList<FilledSpan> Spans) ToFilled()
    {
        string[] fills = [.. _gaps.Select(gap => _tokenizer.Decode(_canvas[gap.Start..gap.End]))];
        FilledSpan[] spans = [.. _gaps.Select((gap, index) => new FilledSpan(
            index, GapText.Restored(_text.Gaps[index], fills[index]), _canvas[gap.Start..gap.End], GeometricMean(_confidence.AsSpan(gap.Start, gap.End - gap.Start))))];
        return (_text.Fill(fills), spans);
    }

    /// <summary>Takes as many gaps together as leave half of the context for the text around them.</summary>
    private IEnumerable<(int FirstGap, int EndGap)> Windows()
    {
        for (int first = 0, end; first < _gaps.Length; first = end)
        {
            end = first + 1;
            int longest = _canvas.Length <= _context ? _context : _context / 2;
            while (end < _gaps.Length && _gaps[end].End - _gaps[first].Start <= longest)
                end++;
            yield return (first, end);
        }
    }

    /// <summary>The part of the canvas that a window sees: its gaps in the middle, as far as the document allows.</summary>
    private (int Start, int End) Extent((int FirstGap, int EndGap) window)
    {
        int firstMask = _gaps[window.FirstGap].Start, endMask = _gaps[window.EndGap - 1].End;
        int around = _context - (endMask - firstMask);
        int start = Math.Max(0, Math.Min(firstMask - (around / 2), _canvas.Length - _context));
        return (start, Math.Min(_canvas.Length, start + _context));
    }

    /// <summary>Gaps of different windows often stand in the same place of their canvases, and draws follow from the seed and that place.</summary>
    private ulong SeedOfWindow() => _window == 0 ? _options.Seed : new CounterRandom(_options.Seed).Below(ulong.MaxValue, 0, (ulong)_window, WindowPurpose);

    private int NumMasks(int firstGap, int endGap) => _gaps[firstGap..endGap].Sum(gap => gap.End - gap.Start);

    private static double GeometricMean(ReadOnlySpan<double> probabilities)
    {
        double sum = 0;
        foreach (double probability in probabilities)
            sum += Math.Log(probability);
        return Math.Exp(sum / probabilities.Length);
    }
}
