using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// Rows of equal length, end to end in a packed pass. Each row attends to itself, or to its cached canvas, and to no other row.
/// </summary>
/// <param name="Start">Place of its first token in the pass.</param>
/// <param name="NumRows">At least 1; exactly 1 with a cache.</param>
/// <param name="Length">Tokens of a row that pass.</param>
public sealed record Segment(int Start, int NumRows, int Length)
{
    /// <summary>Place behind its last token.</summary>
    public int End => Start + (NumRows * Length);

    /// <summary>
    /// [rows or 1, 1, Length or 1, L'], true where a token (third dimension) may see a key; null when each may see all, or in a pass
    /// without a cache of a block-causal model its own block and those before it.
    /// </summary>
    public Tensor? Mask { get; init; }

    /// <summary>Tokens of a block of a block-causal model in a pass without a cache; null for those of its configuration.</summary>
    public int? BlockLength { get; init; }

    /// <summary>
    /// Stores the keys and values of the tokens that pass, each at its position, and returns those of the whole canvas; null for no cache.
    /// Such segments stand behind all others of a pass, and their caches lie in one arena.
    /// </summary>
    public KeyValueCache? Cache { get; init; }

    /// <summary>The leading positions of the cached canvas that are seen; null for all.</summary>
    public int? NumSeen { get; init; }
}

/// <summary>Tokens of many rows packed end to end, so that one pass serves rows of any lengths without padding.</summary>
/// <param name="Tokens">[T], int64.</param>
/// <param name="Positions">[T], int64: each token's position in its own canvas, below the model's longest.</param>
/// <param name="Segments">Cover the pass; tokens behind the last segment are padding, which no token attends to.</param>
public sealed record PackedTokens(Tensor Tokens, Tensor Positions, IReadOnlyList<Segment> Segments)
{
    /// <summary>Sees the experts that each layer, from 0, chooses; null for none.</summary>
    public Action<int, RouterChoice>? OnChoice { get; init; }

    /// <summary>The segments for the script of a block; null where it makes them itself.</summary>
    internal SegmentTable? Table { get; init; }
}
