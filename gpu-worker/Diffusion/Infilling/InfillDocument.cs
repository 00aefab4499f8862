using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Infilling;

/// <summary>A text with gaps that a model can fill: parsed, tokenised once and found to be within all limits.</summary>
public sealed class InfillDocument
{
    /// <summary>Limits of one document, whose canvases are all held in memory.</summary>
    public const int MaxGaps = 4096, MaxMaskedTokens = 262_144;

    private readonly LLaDATokenizer _tokenizer;

    /// <param name="text">Has at least one gap.</param>
    /// <param name="config">Of the model that fills it.</param>
    /// <exception cref="InfillException">
    /// The text has no gap, an empty gap, a gap that does not fit into the context, more gaps or tokens in gaps than allowed, or a gap
    /// without a length that the model cannot find.
    /// </exception>
    /// <exception cref="ArgumentOutOfRangeException"><see cref="InfillOptions.MaxGapLength"/> is out of range.</exception>
    public InfillDocument(GapText text, LLaDATokenizer tokenizer, LLaDAConfig config, InfillOptions options)
    {
        if (text.Gaps.Count == 0)
            throw new InfillException("no_gap", "The text has no gap: write [MASK:n] for n tokens or [MASK]");
        if (text.Gaps.Count > MaxGaps)
            throw new InfillException("too_many_gaps", $"The text has {text.Gaps.Count} gaps; at most {MaxGaps} are allowed");

        int context = config.MaxSequenceLength;
        (Text, _tokenizer, Config, Options) = (text, tokenizer, config, options);
        if (options.MaxGapLength < 1 || options.MaxGapLength > context - 2)
            throw new ArgumentOutOfRangeException(nameof(options), options.MaxGapLength, $"MaxGapLength must lie in [1, {context - 2}]");
        MaxGapLength = options.MaxGapLength ?? Math.Clamp(context - 2, 1, InfillOptions.DefaultMaxGapLength);
        RequireLengths();
        OpenGaps = [.. text.Gaps.Index().Where(entry => entry.Item.Length is null).Select(entry => entry.Index)];
        RequireSight(config);
        Pieces = [.. text.Pieces.Select(tokenizer.Encode)];
    }

    public InfillOptions Options { get; }

    internal GapText Text { get; }

    /// <summary>Tokens between the gaps, one piece more than there are gaps.</summary>
    internal IReadOnlyList<IReadOnlyList<int>> Pieces { get; }

    /// <summary>Of the model that fills it.</summary>
    internal LLaDAConfig Config { get; }

    internal int MaskTokenId => Config.MaskTokenId;

    /// <summary>Whether steps are those of a block, not of the whole text that windows share.</summary>
    internal bool CountsStepsByBlock => Config.Family.IsBlockCausal;

    /// <summary>The most tokens of a gap of unknown length.</summary>
    public int MaxGapLength { get; }

    /// <summary>The model's longest canvas, in tokens.</summary>
    public int Context => Config.MaxSequenceLength;

    /// <summary>The sizes of the passes that a fill takes.</summary>
    public InfillSizes Sizes => new(
        new InfillCanvas(this, [.. OpenGaps.Select(_ => MaxGapLength)]).WindowSizes, InfillCanvas.Draft(this).SearchSizes);

    internal IReadOnlyList<int> BeginningOfText => _tokenizer.BeginningOfText;

    internal int EndOfTextId => _tokenizer.EndOfTextId;

    /// <summary>Indices of the gaps of unknown length.</summary>
    internal IReadOnlyList<int> OpenGaps { get; }

    /// <summary>The share of the document that is done, in [0, 1]: each length to find and each gap to fill counts alike.</summary>
    public double ShareOf(InfillState state)
    {
        int numFilled = 0, numTokens = state.Windows.Sum(window => window.Tokens.Length);
        foreach (var (index, gap) in Text.Gaps.Index())
        {
            numTokens -= gap.Length ?? state.Lengths.GetValueOrDefault(index, MaxGapLength);
            if (numTokens < 0)
                break;
            numFilled++;
        }
        return (double)(state.Lengths.Count + numFilled) / (OpenGaps.Count + Text.Gaps.Count);
    }

    /// <summary>
    /// Whether a state can be one of this document: lengths of open gaps within their bound, and windows within its gaps.
    /// </summary>
    internal bool Accepts(InfillState state)
    {
        var open = OpenGaps.ToHashSet();
        if (state.Lengths.Any(entry => !open.Contains(entry.Key) || entry.Value < 1 || entry.Value > MaxGapLength))
            return false;
        if (state.Windows.IsEmpty)
            return true;
        return state.Lengths.Count == open.Count
            && new InfillCanvas(this, [.. OpenGaps.Select(gap => state.Lengths[gap])]).Accepts(state.Windows);
    }

    internal string Decode(IEnumerable<int> tokens) => _tokenizer.Decode(tokens);

    internal string Shown(ReadOnlySpan<int> tokens) => MaskedText.Of(_tokenizer, tokens, MaskTokenId);

    /// <summary>The length of a gap is found by the text behind it, which a block-causal model does not see.</summary>
    private void RequireSight(LLaDAConfig config)
    {
        if (config.Family.IsBlockCausal && OpenGaps is [var open, ..])
        {
            throw new InfillException("gap_without_length",
                $"Gap {open} has no length, and a {config.Family} model cannot find it: "
                + "it sees what is before a gap and the gap's own block, not what is behind; write [MASK:n] for n tokens");
        }
    }

    /// <summary>A gap of unknown length counts as its bound.</summary>
    private void RequireLengths()
    {
        int numMasked = 0;
        foreach (var (index, gap) in Text.Gaps.Index())
        {
            int length = gap.Length ?? MaxGapLength;
            if (length < 1)
                throw new InfillException("empty_gap", $"Gap {index} has length 0; a gap has at least one token");
            if (length > Context - 2)
            {
                throw new InfillException(
                    "context_length_exceeded", $"Gap {index} of {length} tokens does not fit into the model's context of {Context}");
            }
            numMasked += length;
            if (numMasked > MaxMaskedTokens)
            {
                throw new InfillException("too_many_masked_tokens",
                    $"The gaps have more than {MaxMaskedTokens} tokens in all, a gap of unknown length counting as its bound");
            }
        }
    }
}
