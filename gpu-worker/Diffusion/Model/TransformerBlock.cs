using TorchSharp.Utils;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>One pre-norm block: x + attn_out(attention(attn_norm(x))), then x + ff_out(silu(ff_proj(h)) * up_proj(h)) with h = ff_norm(x).</summary>
/// <remarks>Attention has no causal mask: every position sees every other.</remarks>
public sealed class TransformerBlock : nn.Module
{
    [ComponentName(Name = "attn_norm")]
    private readonly RmsNorm _attentionNorm;

    [ComponentName(Name = "q_proj")]
    private readonly Projection _queryProjection;

    [ComponentName(Name = "k_proj")]
    private readonly Projection _keyProjection;

    [ComponentName(Name = "v_proj")]
    private readonly Projection _valueProjection;

    [ComponentName(Name = "attn_out")]
    private readonly Projection _attentionOutput;

    [ComponentName(Name = "ff_norm")]
    private readonly RmsNorm _feedForwardNorm;

    [ComponentName(Name = "ff_proj")]
    private readonly Projection _gateProjection;

    [ComponentName(Name = "up_proj")]
    private readonly Projection _upProjection;

    [ComponentName(Name = "ff_out")]
    private readonly Projection _downProjection;

    private readonly LLaDAConfig _config;
    private readonly ScalarType _computeType;

    internal TransformerBlock(LLaDAConfig config, ScalarType type, ScalarType computeType, Device device)
        : base(nameof(TransformerBlock))
    {
        _config = config;
        _computeType = computeType;
        long width = config.ModelWidth, keyValueWidth = (long)config.NumKeyValueHeads * config.HeadWidth;

        Projection Project(long input, long output, bool hasBias = false) => new(input, output, hasBias, type, device);
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

    /// <param name="x">[B, L, D].</param>
    /// <param name="rotary">Turns queries and keys by their positions.</param>
    /// <param name="keyMask">[B, 1, 1, L], true where a position may be seen; null when all may.</param>
    /// <returns>[B, L, D].</returns>
    public Tensor Forward(Tensor x, RotaryEmbedding rotary, Tensor? keyMask)
    {
        using var scope = NewDisposeScope();
        var attended = x + Attend(_attentionNorm.call(x).to(_computeType), rotary, keyMask);
        var h = _feedForwardNorm.call(attended).to(_computeType);
        var gated = nn.functional.silu(_gateProjection.call(h)) * _upProjection.call(h);    // [B, L, F]
        return (attended + _downProjection.call(gated)).MoveToOuterDisposeScope();
    }

    private Tensor Attend(Tensor a, RotaryEmbedding rotary, Tensor? keyMask)
    {
        long batch = a.shape[0], length = a.shape[1];
        Tensor Heads(Projection projection, long heads) => projection.call(a).view(batch, length, heads, _config.HeadWidth);

        var queries = rotary.Rotate(Heads(_queryProjection, _config.NumHeads)).transpose(1, 2);                      // [B, H, L, E]
        var keys = ForEachQueryHead(rotary.Rotate(Heads(_keyProjection, _config.NumKeyValueHeads))).transpose(1, 2); // [B, H, L, E]
        var values = ForEachQueryHead(Heads(_valueProjection, _config.NumKeyValueHeads)).transpose(1, 2);            // [B, H, L, E]
        var attended = nn.functional.scaled_dot_product_attention(queries, keys, values, keyMask);
        return _attentionOutput.call(attended.transpose(1, 2).reshape(batch, length, _config.ModelWidth));
    }

    /// <summary>Grouped-query attention: repeats each key or value head for the query heads that share it.</summary>
    /// <param name="x">[B, L, K, E].</param>
    /// <returns>[B, L, H, E].</returns>
    private Tensor ForEachQueryHead(Tensor x)
    {
        int group = _config.NumHeads / _config.NumKeyValueHeads;
        return group == 1 ? x : x.repeat_interleave(group, dim: 2);
    }
}
