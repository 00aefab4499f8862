using System.Collections.Immutable;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Text;

namespace LLaDA.Diffusion.Infilling;

/// <summary>A text with gaps that a model can fill: parsed, tokenised once and found to be within all limits.</summary>
public sealed class InfillDocument
{
    /// <summary>Limits of one document, whose canvases are all held in memory.</summary>
    public const int MaxGaps = 4096, MaxMaskedTokens = 262_144;

    private readonly LLaDATokenizer _tokenizer;
    private readonly PatternTokens? _patterns;

    /// <param name="text">Has at least one gap.</param>
    /// <param name="config">Of the model that fills it.</param>
    /// <param name="patterns">Of the tokenizer; not disposed of. Null where the options have no pattern.</param>
    /// <exception cref="InfillException">
    /// The text has no gap, an empty gap, a gap that does not fit into the context, more gaps or tokens in gaps than allowed, or a gap
    /// without a length that the model cannot find; or patterns or choices are not those of its gaps.
    /// </exception>
    /// <exception cref="ArgumentException">A number of the options is out of range, or a pattern lacks its tokens.</exception>
    public InfillDocument(
        GapText text, LLaDATokenizer tokenizer, LLaDAConfig config, InfillOptions options, PatternTokens? patterns = null)
    {
        if (text.Gaps.Count == 0)
            throw new InfillException("no_gap", "The text has no gap: write [MASK:n] for n tokens or [MASK]");
        if (text.Gaps.Count > MaxGaps)
            throw new InfillException("too_many_gaps", $"The text has {text.Gaps.Count} gaps; at most {MaxGaps} are allowed");

        int context = config.ContextLength;
        (Text, _tokenizer, _patterns, Config, Options) = (text, tokenizer, patterns, config, options);
        if (options.MaxGapLength < 1 || options.MaxGapLength > context - 2)
            throw new ArgumentOutOfRangeException(nameof(options), options.MaxGapLength, $"MaxGapLength must lie in [1, {context - 2}]");
        if (options.ChoiceSamples is < 1 or > InfillOptions.MaxChoiceSamples)
        {
            throw new ArgumentOutOfRangeException(
                nameof(options), options.ChoiceSamples, $"ChoiceSamples must lie in [1, {InfillOptions.MaxChoiceSamples}]");
        }
        MaxGapLength = options.MaxGapLength ?? Math.Clamp(context - 2, 1, InfillOptions.DefaultMaxGapLength);
        RequireSightOfChoices();
        Choices = options.Choices.ToImmutableSortedDictionary(
            entry => entry.Key, entry => GapChoices.Of(entry.Key, text, entry.Value, tokenizer, context - 2));
        RequireLengths();
        OpenGaps =
        [
            .. text.Gaps.Index()
                .Where(entry => entry.Item.Length is null && !Choices.ContainsKey(entry.Index)).Select(entry => entry.Index),
        ];
        RequireSight();
        RequirePatterns();
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

    /// <summary>The model's longest row, in tokens.</summary>
    public int Context => Config.ContextLength;

    /// <summary>The sizes of the passes that a fill takes.</summary>
    public InfillSizes Sizes
    {
        get
        {
            var draft = InfillCanvas.Draft(this);
            var longest = new InfillCanvas(this, [.. OpenGaps.Select(_ => MaxGapLength)]);
            return new InfillSizes(longest.WindowSizes, draft.SearchSizes, draft.ChoiceSizes);
        }
    }

    internal IReadOnlyList<int> BeginningOfText => _tokenizer.BeginningOfText;

    internal int EndOfTextId => _tokenizer.EndOfTextId;

    /// <summary>Indices of the gaps of unknown length.</summary>
    internal IReadOnlyList<int> OpenGaps { get; }

    /// <summary>By gap with choices, in text order.</summary>
    internal ImmutableSortedDictionary<int, GapChoices> Choices { get; }

    /// <summary>
    /// The share of the document that is done, in [0, 1]: each choice to make, each length to find and each other gap to fill counts alike.
    /// </summary>
    public double ShareOf(InfillState state)
    {
        int numFilled = 0, numTokens = state.Windows.Sum(window => window.Tokens.Length);
        foreach (var (index, gap) in Text.Gaps.Index().Where(entry => !Choices.ContainsKey(entry.Index)))
        {
            numTokens -= gap.Length ?? state.Lengths.GetValueOrDefault(index, MaxGapLength);
            if (numTokens < 0)
                break;
            numFilled++;
        }
        return (double)(state.Choices.Count + state.Lengths.Count + numFilled) / (OpenGaps.Count + Text.Gaps.Count);
    }

    /// <summary>
    /// Whether a state can be one of this document: the first choices, then lengths of open gaps within their bound, then windows within
    /// its gaps.
    /// </summary>
    internal bool Accepts(InfillState state)
    {
        var open = OpenGaps.ToHashSet();
        bool areChoicesFirst = Choices.Take(state.Choices.Count).All(entry => state.Choices.TryGetValue(entry.Key, out var chosen)
            && chosen.LogLikelihoods.Length == entry.Value.Texts.Count
            && chosen.Index >= 0 && chosen.Index < entry.Value.Texts.Count);
        if (!areChoicesFirst || state.Choices.Count > Choices.Count)
            return false;
        if (state.Lengths.IsEmpty && state.Windows.IsEmpty)
            return true;
        if (state.Choices.Count < Choices.Count
            || state.Lengths.Any(entry => !open.Contains(entry.Key) || entry.Value < 1 || entry.Value > MaxGapLength))
        {
            return false;
        }
        return state.Windows.IsEmpty || (state.Lengths.Count == open.Count
            && new InfillCanvas(this, [.. OpenGaps.Select(gap => state.Lengths[gap])], state.Choices).Accepts(state.Windows));
    }

    /// <summary>The tokens that may not stand at each place of a gap; null where it has no pattern.</summary>
    internal TokenSet[]? ForbiddenIn(int gap, int length) => PatternOf(gap) is not { } pattern
        ? null
        : (_patterns ?? throw new ArgumentException("A pattern needs the tokens of the tokenizer"))
            .Forbidden(pattern, length, Text.Gaps[gap].RestoresSpace);

    internal string Decode(IEnumerable<int> tokens) => _tokenizer.Decode(tokens);

    internal string Shown(ReadOnlySpan<int> tokens) => MaskedText.Of(_tokenizer, tokens, MaskTokenId);

    /// <summary>The length of a gap is found by the text behind it, which a block-causal model does not see.</summary>
    private void RequireSight()
    {
        if (Config.Family.IsBlockCausal && OpenGaps is [var open, ..])
        {
            throw new InfillException("gap_without_length",
                $"Gap {open} has no length, and a {Config.Family} model cannot find it: "
                + "it sees what is before a gap and the gap's own block, not what is behind; write [MASK:n] for n tokens");
        }
    }

    private void RequireSightOfChoices()
    {
        if (Config.Family.IsBlockCausal && Options.Choices.Count > 0)
        {
            throw new InfillException("unsupported_parameter",
                $"choices do not go with {Config.Family} models: they see what is before a gap and its own block, "
                + "and a choice is judged by the text on both sides", "choices");
        }
    }

    private GapPattern? PatternOf(int gap) => Options.Patterns.TryGetValue(gap, out var own) ? own
        : Choices.ContainsKey(gap) ? null : Options.Pattern;

    private void RequirePatterns()
    {
        foreach (int gap in Options.Patterns.Keys)
        {
            string name = $"pattern.{gap}";
            if (gap < 0 || gap >= Text.Gaps.Count)
            {
                throw new InfillException(
                    "invalid_value", $"{name} names a gap that is not there: the text has {Text.Gaps.Count} gaps, numbered from 0", name);
            }
            if (Choices.ContainsKey(gap))
                throw new InfillException("invalid_parameter_combination", $"{name} and choices.{gap} exclude each other", name);
        }
        // Whether a tokenizer has the tokens shows at each place of a gap.
        foreach (var (index, gap) in Text.Gaps.Index())
        {
            ForbiddenIn(index, 1);
            ForbiddenIn(index, gap.Length ?? MaxGapLength);
        }
    }

    /// <summary>
    /// A gap of unknown length counts as its bound, one with choices as the longest, and tokens that are listed beside another count too.
    /// </summary>
    private void RequireLengths()
    {
        int numMasked = 0;
        foreach (var (index, gap) in Text.Gaps.Index())
        {
            int length = Choices.TryGetValue(index, out var choices) ? choices.Longest : gap.Length ?? MaxGapLength;
            if (length < 1)
                throw new InfillException("empty_gap", $"Gap {index} has length 0; a gap has at least one token");
            if (length > Context - 2)
            {
                throw new InfillException(
                    "context_length_exceeded", $"Gap {index} of {length} tokens does not fit into the model's context of {Context}");
            }
            numMasked += length * (1 + (Options.NumTop ?? 0));
            if (numMasked > MaxMaskedTokens)
            {
                throw new InfillException("too_many_masked_tokens",
                    $"The gaps have more than {MaxMaskedTokens} tokens in all, a gap of unknown length counting as its bound, "
                    + "and each token of top_logprobs as one");
            }
        }
    }
}
