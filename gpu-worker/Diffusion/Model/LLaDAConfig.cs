using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Diffusion.Model;

/// <summary>The shape of a mask predictor and its special tokens, as in config.json of a LLaDA checkpoint.</summary>
/// <remarks>Read and written by <see cref="LLaDAConfigJson"/>. Sizes are in elements.</remarks>
public sealed record LLaDAConfig
{
    private const int MaxLayers = 1000, LongestCanvas = 1 << 18;

    /// <summary>D, the width of the residual stream.</summary>
    public required int ModelWidth { get; init; }

    public required int NumLayers { get; init; }

    /// <summary>H, the number of query heads; the head width E is D / H.</summary>
    public required int NumHeads { get; init; }

    /// <summary>K, the number of key and value heads; fewer than H in grouped-query attention.</summary>
    public required int NumKeyValueHeads { get; init; }

    /// <summary>F, the width of the gated feed-forward layer.</summary>
    public required int FeedForwardWidth { get; init; }

    /// <summary>V, the number of token ids; predictions stay below it.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Rows of the embedding and of the head, at least V.</summary>
    public required int EmbeddingSize { get; init; }

    /// <summary>The longest canvas, in tokens.</summary>
    public required int MaxSequenceLength { get; init; }

    public double RopeTheta { get; init; } = 500_000;

    public double RmsNormEpsilon { get; init; } = 1e-5;

    public bool HasQkvBias { get; init; }

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

    /// <summary>E, the width of one head.</summary>
    public int HeadWidth => ModelWidth / NumHeads;

    /// <summary>Whether a token ends a text or a turn.</summary>
    public bool IsEnd(int token) => token == EosTokenId || token == EotTokenId || OtherEndTokenIds.Contains(token);

    /// <summary>Parameters of all layers, the final norm included, embedding and head not.</summary>
    public long NumNonEmbeddingParameters => NumLayers * ParametersOfLayer + ModelWidth;

    /// <summary>All parameters, a tied head counted once.</summary>
    public long NumParameters => NumNonEmbeddingParameters + ((TiesWeights ? 1L : 2L) * EmbeddingSize * ModelWidth);

    private long ParametersOfLayer
    {
        get
        {
            long keyValueWidth = (long)NumKeyValueHeads * HeadWidth;
            long projections = (2L * ModelWidth * ModelWidth) + (2L * ModelWidth * keyValueWidth) + (3L * ModelWidth * FeedForwardWidth);
            long biases = HasQkvBias ? ModelWidth + (2 * keyValueWidth) : 0;
            return projections + biases + (2L * ModelWidth);
        }
    }

    /// <summary>Every error of these values, as sentences; none when a model can be built from them.</summary>
    public IEnumerable<string> Validate()
    {
        if (NumLayers > MaxLayers)
            yield return $"n_layers is {NumLayers}; at most {MaxLayers} are accepted";
        if (MaxSequenceLength > LongestCanvas)
            yield return $"max_sequence_length is {MaxSequenceLength}; at most {LongestCanvas} are accepted";
        foreach (string error in SizeErrors())
            yield return error;
        if (!(RopeTheta > 0 && RmsNormEpsilon > 0))
            yield return "rope_theta and rms_norm_eps must be positive";
        foreach (string error in TokenErrors())
            yield return error;
    }

    private IEnumerable<string> SizeErrors()
    {
        int[] sizes = [ModelWidth, NumLayers, NumHeads, NumKeyValueHeads, FeedForwardWidth, MaxSequenceLength];
        bool arePositive = Array.TrueForAll(sizes, size => size > 0);
        if (!arePositive)
            yield return "d_model, n_layers, n_heads, n_kv_heads, mlp_hidden_size and max_sequence_length must be positive";
        if (VocabularySize <= 0 || EmbeddingSize < VocabularySize)
            yield return $"embedding_size is {EmbeddingSize}; it must be at least vocab_size, {VocabularySize}, which must be positive";
        if (!arePositive)
            yield break;
        if (ModelWidth % NumHeads != 0 || HeadWidth % 2 != 0)
            yield return $"d_model {ModelWidth} must split into {NumHeads} heads of even width";
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
