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
        (Text, _tokenizer, MaskTokenId, Context, Options) = (text, tokenizer, config.MaskTokenId, context, options);
        if (options.MaxGapLength < 1 || options.MaxGapLength > context - 2)
            throw new ArgumentOutOfRangeException(nameof(options), options.MaxGapLength, $"MaxGapLength must lie in [1, {context - 2}]");
        MaxGapLength = options.MaxGapLength ?? Math.Clamp(context - 2, 1, InfillOptions.DefaultMaxGapLength);
        RequireLengths();
        RequireSight(config);
        Pieces = [.. text.Pieces.Select(tokenizer.Encode)];
    }

    public InfillOptions Options { get; }

    internal GapText Text { get; }

    /// <summary>Tokens between the gaps, one piece more than there are gaps.</summary>
    internal IReadOnlyList<IReadOnlyList<int>> Pieces { get; }

    internal int MaskTokenId { get; }

    internal int Context { get; }

    /// <summary>The most tokens of a gap of unknown length.</summary>
    internal int MaxGapLength { get; }

    internal int BeginningOfTextId => _tokenizer.BeginningOfTextId;

    internal int EndOfTextId => _tokenizer.EndOfTextId;

    /// <summary>Indices of the gaps of unknown length.</summary>
    internal IReadOnlyList<int> OpenGaps => [.. Text.Gaps.Index().Where(entry => entry.Item.Length is null).Select(entry => entry.Index)];

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
