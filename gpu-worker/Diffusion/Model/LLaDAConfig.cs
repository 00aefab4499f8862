using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Diffusion.Model;

/// <summary>The shape of a mask predictor, the switches of its family and its special tokens, as in config.json of a checkpoint.</summary>
/// <remarks>Read and written by <see cref="LLaDAConfigJson"/>. Sizes are in elements.</remarks>
public sealed record LLaDAConfig
{
    private const int MaxLayers = 1000, LongestCanvas = 1 << 18, WidestHeads = 1 << 24;

    private readonly int? _headWidth;
    private readonly int? _rotaryWidth;

    public ModelFamily Family { get; init; } = ModelFamilies.LLaDA;

    /// <summary>D, the width of the residual stream.</summary>
    public required int ModelWidth { get; init; }

    public required int NumLayers { get; init; }

    /// <summary>H, the number of query heads.</summary>
    public required int NumHeads { get; init; }

    /// <summary>K, the number of key and value heads; fewer than H in grouped-query attention.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>F, the width of the gated feed-forward layer; in a network with experts, of the layers without.</summary>
    public required int FeedForwardWidth { get; init; }

    /// <summary>V, the number of token ids; predictions stay below it.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Rows of the embedding and of the head, at least V.</summary>
    public required int EmbeddingSize { get; init; }

    /// <summary>The longest canvas, in tokens.</summary>
    public required int MaxSequenceLength { get; init; }

    /// <summary>
    /// Learnt vectors of prompt tuning, which take the first positions of every canvas: fewer than <see cref="MaxSequenceLength"/>, 0 for
    /// none. Part of an adapter, not of config.json.
    /// </summary>
    public int NumVirtualTokens { get; init; }

    /// <summary>The longest row, in tokens: the longest canvas without its virtual tokens.</summary>
    public int ContextLength => MaxSequenceLength - NumVirtualTokens;

    public double RopeTheta { get; init; } = 500_000;

    public double RmsNormEpsilon { get; init; } = 1e-5;

    /// <summary>Whether queries, keys and values have biases.</summary>
    public bool HasQkvBias { get; init; }

    /// <summary>Whether the projection behind attention has a bias.</summary>
    public bool HasOutputBias { get; init; }

    /// <summary>Whether each head's queries and keys are normalised before their rotation.</summary>
    public bool HasQkNorm { get; init; }

    /// <summary>Queries and keys, before their rotation, and values are clamped to [-c, c]; null for no clamp.</summary>
    public double? ClipQkv { get; init; }

    /// <summary>Null for a network without experts.</summary>
    public ExpertConfig? Experts { get; init; }

    /// <summary>
    /// Tokens of a block: a token sees the blocks up to its own, position / length being the block's number. Null where every token sees
    /// all.
    /// </summary>
    public int? BlockLength { get; init; }

    /// <summary>Whether the head is the token embedding itself.</summary>
    public bool TiesWeights { get; init; }

    /// <summary>
    /// Whether a position sees only the ones before it: true for the autoregressive twin, the baseline of evaluations; false for LLaDA.
    /// </summary>
    public bool IsCausal { get; init; }

    public required int MaskTokenId { get; init; }

    public required int EosTokenId { get; init; }

    public required int PadTokenId { get; init; }

    /// <summary>
    /// End of turn; null where config.json does not name it. <see cref="Checkpoints.Checkpoint.Load"/> then takes it from the tokenizer.
    /// </summary>
    public int? EotTokenId { get; init; }

    /// <summary>Further tokens that end a text or a turn, besides end of text and end of turn; empty for most models.</summary>
    public IReadOnlyList<int> OtherEndTokenIds { get; init; } = [];

    /// <summary>Every token that ends a text or a turn: end of text first.</summary>
    public IEnumerable<int> EndTokenIds => EotTokenId is { } eot ? [EosTokenId, eot, .. OtherEndTokenIds]
        : [EosTokenId, .. OtherEndTokenIds];

    /// <summary>E, the width of one head; D / H unless set.</summary>
    public int HeadWidth
    {
        get => _headWidth ?? ModelWidth / NumHeads;
        init => _headWidth = value;
    }

    /// <summary>Leading components of a head that are rotated, an even number; E unless set.</summary>
    public int RotaryWidth
    {
        get => _rotaryWidth ?? HeadWidth;
        init => _rotaryWidth = value;
    }

    /// <summary>Width of all query heads together, H E.</summary>
    public int QueryWidth => NumHeads * HeadWidth;

    /// <summary>Width of the widest feed-forward layer that a token passes: the chosen experts and the shared one count together.</summary>
    public int ActiveFeedForwardWidth => Experts is { } experts
        ? Math.Max(FeedForwardWidth, (experts.NumChosen * experts.Width) + experts.SharedWidth)
        : FeedForwardWidth;

    /// <summary>Width of all key heads together, K E.</summary>
    public int KeyWidth => NumKeyValueHeads * HeadWidth;

    /// <summary>The position of the canvas whose logits predict the token at a position. The only place that knows of the shift.</summary>
    public int PlaceOf(int position) => Family.ShiftsLogits && position > 0 ? position - 1 : position;

    /// <summary>Whether a layer, from 0, has experts.</summary>
    public bool HasExperts(int layer) => Experts is { } experts && !experts.DenseLayers.Contains(layer);

    /// <summary>The ids of the virtual tokens, behind those of the embedding: they begin every canvas that passes.</summary>
    internal IEnumerable<int> VirtualTokens => Enumerable.Range(EmbeddingSize, NumVirtualTokens);

    /// <summary>Whether a token ends a text or a turn.</summary>
    public bool IsEnd(int token) => token == EosTokenId || token == EotTokenId || OtherEndTokenIds.Contains(token);

    /// <summary>Parameters of all layers, the final norm included, embedding and head not.</summary>
    public long NumNonEmbeddingParameters => CountOfLayers(Experts?.NumExperts ?? 0);

    /// <summary>The same without the experts that are not chosen.</summary>
    public long NumActiveNonEmbeddingParameters => CountOfLayers(Experts?.NumChosen ?? 0);

    /// <summary>All parameters, a tied head counted once.</summary>
    public long NumParameters => NumNonEmbeddingParameters + ((TiesWeights ? 1L : 2L) * EmbeddingSize * ModelWidth);

    /// <summary>
    /// Parameters that compute a token: with experts, those of the chosen ones and, as published counts have it, the head without the
    /// embedding.
    /// </summary>
    public long NumActiveParameters => Experts is null
        ? NumParameters
        : NumActiveNonEmbeddingParameters + ((long)EmbeddingSize * ModelWidth);

    /// <param name="numExperts">Experts of a layer that count.</param>
    private long CountOfLayers(int numExperts)
    {
        long queryWidth = (long)NumHeads * HeadWidth, keyWidth = (long)NumKeyValueHeads * HeadWidth, width = ModelWidth;
        long attention = (2 * width * queryWidth) + (2 * width * keyWidth) + (2 * width)
            + (HasQkvBias ? queryWidth + (2 * keyWidth) : 0) + (HasOutputBias ? width : 0) + (HasQkNorm ? 2L * HeadWidth : 0);
        long numSparse = Enumerable.Range(0, NumLayers).Count(HasExperts);
        long sparse = Experts is { } experts
            ? width * (experts.NumExperts + (3L * numExperts * experts.Width) + (3L * experts.SharedWidth))
            : 0;
        return (NumLayers * attention) + (numSparse * sparse) + ((NumLayers - numSparse) * 3 * width * FeedForwardWidth) + width;
    }

    /// <summary>Every error of these values, as sentences; none when a model can be built from them.</summary>
    public IEnumerable<string> Validate()
    {
        if (NumLayers > MaxLayers)
            yield return $"n_layers is {NumLayers}; at most {MaxLayers} are accepted";
        if (MaxSequenceLength > LongestCanvas)
            yield return $"max_sequence_length is {MaxSequenceLength}; at most {LongestCanvas} are accepted";
        if (NumVirtualTokens < 0 || NumVirtualTokens >= Math.Max(1, MaxSequenceLength))
            yield return $"{NumVirtualTokens} virtual tokens leave no room in a canvas of {MaxSequenceLength} tokens";
        foreach (string error in SizeErrors())
            yield return error;
        if (!(RopeTheta > 0 && RmsNormEpsilon > 0))
            yield return "rope_theta and rms_norm_eps must be positive";
        if (ClipQkv is { } clip && !(clip > 0))
            yield return $"clip_qkv is {clip}; it must be positive";
        if (BlockLength is < 1)
            yield return $"block_length is {BlockLength}; it must be at least 1";
        if (Family.IsBlockCausal != BlockLength is not null)
            yield return $"a model of the family {Family} has {(Family.IsBlockCausal ? "a" : "no")} block length";
        foreach (string error in Experts?.Validate(NumLayers) ?? [])
            yield return error;
        foreach (string error in TokenErrors())
            yield return error;
    }

    private IEnumerable<string> SizeErrors()
    {
        int feedForward = NumLayers > 0 && NumLayers <= MaxLayers && Enumerable.Range(0, NumLayers).All(HasExperts) ? 1 : FeedForwardWidth;
        int[] sizes = [ModelWidth, NumLayers, NumHeads, NumKeyValueHeads, feedForward, MaxSequenceLength];
        bool arePositive = Array.TrueForAll(sizes, size => size > 0);
        if (!arePositive)
            yield return "d_model, n_layers, n_heads, n_kv_heads, mlp_hidden_size and max_sequence_length must be positive";
        if (VocabularySize <= 0 || EmbeddingSize < VocabularySize)
            yield return $"embedding_size is {EmbeddingSize}; it must be at least vocab_size, {VocabularySize}, which must be positive";
        if (!arePositive)
            yield break;
        if ((_headWidth is null && ModelWidth % NumHeads != 0) || HeadWidth <= 0 || HeadWidth % 2 != 0)
            yield return $"d_model {ModelWidth} must split into {NumHeads} heads of even width";
        else if (RotaryWidth <= 0 || RotaryWidth % 2 != 0 || RotaryWidth > HeadWidth)
            yield return $"{RotaryWidth} components of a head are rotated; it must be an even number up to its width, {HeadWidth}";
        if ((long)NumHeads * HeadWidth > WidestHeads)
            yield return $"{NumHeads} heads of width {HeadWidth} are together wider than {WidestHeads}";
        if (NumHeads % NumKeyValueHeads != 0)
            yield return $"n_heads {NumHeads} must be a multiple of n_kv_heads {NumKeyValueHeads}";
    }

    private IEnumerable<string> TokenErrors()
    {
        Dictionary<string, int?> tokens = new()
        {
            ["mask_token_id"] = MaskTokenId,
            ["eos_token_id"] = EosTokenId,
            ["pad_token_id"] = PadTokenId,
            ["eot_token_id"] = EotTokenId,
        };
        foreach (var (name, id) in tokens)
        {
            if (id < 0 || id >= EmbeddingSize)
                yield return $"{name} is {id}; it must lie in [0, {EmbeddingSize})";
        }
        foreach (int end in OtherEndTokenIds.Where(end => end < 0 || end >= EmbeddingSize))
            yield return $"eos_token_id is {end}; it must lie in [0, {EmbeddingSize})";
        if (MaskTokenId == PadTokenId || EndTokenIds.Contains(MaskTokenId))
            yield return "mask_token_id must differ from eos_token_id and pad_token_id";
    }
}
