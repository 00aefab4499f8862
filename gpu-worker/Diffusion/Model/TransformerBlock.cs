using LLaDA.Diffusion.Native;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// One pre-norm block: x + attn_out(attention(attn_norm(x))), then x + ff_out(silu(ff_proj(h)) * up_proj(h)), h = ff_norm(x).
/// </summary>
/// <remarks>Every position attends to every other, except in an autoregressive twin, which has a causal mask.</remarks>
public sealed class TransformerBlock : nn.Module
{
    [ComponentName(Name = "attn_norm")]
    private readonly RmsNorm _attentionNorm;

    [ComponentName(Name = "q_proj")]
    private readonly Linear _queryProjection;

    [ComponentName(Name = "k_proj")]
    private readonly Linear _keyProjection;

    [ComponentName(Name = "v_proj")]
    private readonly Linear _valueProjection;

    [ComponentName(Name = "attn_out")]
    private readonly Linear _attentionOutput;

    [ComponentName(Name = "ff_norm")]
    private readonly RmsNorm _feedForwardNorm;

    [ComponentName(Name = "ff_proj")]
    private readonly Linear _gateProjection;

    [ComponentName(Name = "up_proj")]
    private readonly Linear _upProjection;

    [ComponentName(Name = "ff_out")]
    private readonly Linear _downProjection;

    private readonly LLaDAConfig _config;
    private readonly ScalarType _computeType;

    internal TransformerBlock(LLaDAConfig config, ScalarType type, ScalarType computeType, Device device)
        : base(nameof(TransformerBlock))
    {
        _config = config;
        _computeType = computeType;
        long width = config.ModelWidth, keyValueWidth = (long)config.NumKeyValueHeads * config.HeadWidth;

        Linear Project(long input, long output, bool hasBias = false) => new(input, output, hasBias, type, device);
        _attentionNorm = new RmsNorm(width, config.RmsNormEpsilon, type, device);
        _queryProjection = Project(width, width, config.HasQkvBias);
        _keyProjection = Project(width, keyValueWidth, config.HasQkvBias);
        _valueProjection = Project(width, keyValueWidth, config.HasQkvBias);
        _attentionOutput = Project(width, width);
        _feedForwardNorm = new RmsNorm(width, config.RmsNormEpsilon, type, device);
        _gateProjection = Project(width, config.FeedForwardWidth);
        _upProjection = Project(width, config.FeedForwardWidth);
        _downProjection = Project(config.FeedForwardWidth, width);
        RegisterComponents();
    }

    /// <param name="x">[T, D].</param>
    /// <param name="rotation">Of queries and keys, by position.</param>
    /// <param name="segments">Attention does not cross their borders.</param>
    /// <param name="layer">Index of this block in the network, from 0.</param>
    /// <returns>[T, D].</returns>
    public Tensor Forward(Tensor x, Rotation rotation, IReadOnlyList<Segment> segments, int layer)
    {
        using var scope = NewDisposeScope();
        var attended = x.Add(Attend(_attentionNorm.call(x).to(_computeType), rotation, segments, layer));
        var h = _feedForwardNorm.call(attended).to(_computeType);
        var gated = nn.functional.silu(_gateProjection.call(h)) * _upProjection.call(h);    // [T, F]
        return attended.Add(_downProjection.call(gated)).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor a, Rotation rotation, IReadOnlyList<Segment> segments, int layer)
    {
        Tensor Heads(Linear projection, long heads) => projection.call(a).view(a.shape[0], heads, _config.HeadWidth);
        var queries = rotation.Apply(Heads(_queryProjection, _config.NumHeads));            // [T, H, E]
        var keys = rotation.Apply(Heads(_keyProjection, _config.NumKeyValueHeads));         // [T, K, E]
        var values = Heads(_valueProjection, _config.NumKeyValueHeads);                     // [T, K, E]

        List<Tensor> attended = [.. segments.Select(segment => Attend(segment, queries, keys, values, layer))];
        long numAttended = segments[^1].Start + ((long)segments[^1].NumRows * segments[^1].Length);
        if (numAttended < a.shape[0])
            attended.Add(zeros(a.shape[0] - numAttended, _config.ModelWidth, a.dtype, a.device));
        return _attentionOutput.call(attended.Count == 1 ? attended[0] : cat(attended));
    }

    /// <returns>[rows * Length, D].</returns>
    private Tensor Attend(Segment segment, Tensor queries, Tensor keys, Tensor values, int layer)
    {
        int numTokens = segment.NumRows * segment.Length;
        int numHeads = _config.NumKeyValueHeads, group = _config.NumHeads / numHeads;
        Tensor OfSegment(Tensor packed) => packed.narrow(0, segment.Start, numTokens);

        var (segmentKeys, segmentValues) = (OfSegment(keys), OfSegment(values));
        if (segment.Cache is { } cache)
            (segmentKeys, segmentValues) = cache.Update(layer, segment.CachePositions, segmentKeys, segmentValues);
        Tensor Rows(Tensor heads) => heads.view(segment.NumRows, -1, numHeads, _config.HeadWidth).transpose(1, 2);   // [rows, K, L, E]

        var grouped = OfSegment(queries).view(segment.NumRows, segment.Length, numHeads, group, _config.HeadWidth)
            .permute(0, 2, 3, 1, 4);                                                        // [rows, K, H / K, L, E]
        var attended = _config.IsCausal
            ? CausalAttention(grouped, Rows(segmentKeys), Rows(segmentValues), segment)
            : Attention(grouped, Rows(segmentKeys), Rows(segmentValues), segment);
        return attended.view(segment.NumRows, numHeads, group, segment.Length, _config.HeadWidth)
            .permute(0, 3, 1, 2, 4).reshape(numTokens, _config.ModelWidth);
    }

    /// <summary>
    /// Grouped-query attention: the query heads that share a key are further queries to it, since without a mask their order is free.
    /// </summary>
    /// <param name="queries">[rows, K, H / K, L, E].</param>
    /// <param name="keys">[rows, K, L', E].</param>
    /// <param name="values">[rows, K, L', E].</param>
    private Tensor Attention(Tensor queries, Tensor keys, Tensor values, Segment segment) =>
        UsesEagerAttention(queries, segment)
            ? EagerAttention.Attend(queries.flatten(2, 3), keys, values, segment.KeyMask)
            : nn.functional.scaled_dot_product_attention(queries.flatten(2, 3), keys, values, segment.KeyMask);

    /// <summary>Each query sees the keys up to its own position; keys are repeated for the queries that share them.</summary>
    /// <remarks>Padding needs no mask: it stands behind a row's tokens, which attend only to earlier ones.</remarks>
    private Tensor CausalAttention(Tensor queries, Tensor keys, Tensor values, Segment segment)
    {
        long group = queries.shape[2];
        Tensor Repeat(Tensor shared) => group == 1 ? shared : shared.repeat_interleave(group, 1);
        if (!UsesEagerAttention(queries, segment))
            return nn.functional.scaled_dot_product_attention(queries.flatten(1, 2), Repeat(keys), Repeat(values), is_casual: true);
        var mask = ones(segment.Length, segment.Length, ScalarType.Bool, queries.device).tril().view(1, 1, segment.Length, segment.Length);
        return EagerAttention.Attend(queries.flatten(1, 2), Repeat(keys), Repeat(values), mask);
    }

    private bool UsesEagerAttention(Tensor queries, Segment segment) =>
        training && segment.Cache is null && EagerAttention.Suits(_computeType, queries.device, segment.Length);
}
