using LLaDA.Diffusion.Kernels;
using LLaDA.Diffusion.Native;
using TorchSharp;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Model;

/// <summary>
/// One pre-norm block: x + attn_out(attention(attn_norm(x))), then x + ff_out(silu(ff_proj(h)) * up_proj(h)), h = ff_norm(x), or experts
/// of h instead.
/// </summary>
/// <remarks>
/// Every position attends to every other, except in block-causal models and in an autoregressive twin, which has a causal mask.
/// </remarks>
public sealed class TransformerBlock : nn.Module
{
    [ComponentName(Name = "attn_norm")]
    private readonly RmsNorm _attentionNorm;

    [ComponentName(Name = "q_proj")]
    private readonly Linear? _queryProjection;

    [ComponentName(Name = "k_proj")]
    private readonly Linear? _keyProjection;

    [ComponentName(Name = "v_proj")]
    private readonly Linear? _valueProjection;

    /// <summary>All three in one, the rows of the queries first.</summary>
    [ComponentName(Name = "qkv_proj")]
    private readonly Linear? _fusedProjection;

    [ComponentName(Name = "q_norm")]
    private readonly RmsNorm? _queryNorm;

    [ComponentName(Name = "k_norm")]
    private readonly RmsNorm? _keyNorm;

    [ComponentName(Name = "attn_out")]
    private readonly Linear _attentionOutput;

    [ComponentName(Name = "ff_norm")]
    private readonly RmsNorm _feedForwardNorm;

    [ComponentName(Name = "ff_proj")]
    private readonly Linear? _gateProjection;

    [ComponentName(Name = "up_proj")]
    private readonly Linear? _upProjection;

    [ComponentName(Name = "ff_out")]
    private readonly Linear? _downProjection;

    [ComponentName(Name = "moe")]
    private readonly MixtureOfExperts? _experts;

    private readonly LLaDAConfig _config;
    private readonly ScalarType _computeType;
    private readonly int _layer;
    private readonly Linear[] _linears;
    private readonly Scalar? _clip;

    /// <param name="layer">Index of this block in the network, from 0.</param>
    internal TransformerBlock(LLaDAConfig config, int layer, WeightTypes types, ScalarType computeType, Device device)
        : base(nameof(TransformerBlock))
    {
        (_config, _layer, _computeType) = (config, layer, computeType);
        long width = config.ModelWidth;
        Linear Project(long input, long output, bool hasBias = false) => new(input, output, hasBias, types, device);
        RmsNorm Norm(long size) => new(size, config.RmsNormEpsilon, types.Others, device);

        _attentionNorm = Norm(width);
        if (config.Family.FusesQueryKeyValue)
        {
            _fusedProjection = Project(width, config.QueryWidth + (2 * config.KeyWidth), config.HasQkvBias);
        }
        else
        {
            _queryProjection = Project(width, config.QueryWidth, config.HasQkvBias);
            _keyProjection = Project(width, config.KeyWidth, config.HasQkvBias);
            _valueProjection = Project(width, config.KeyWidth, config.HasQkvBias);
        }
        if (config.HasQkNorm)
            (_queryNorm, _keyNorm) = (Norm(config.HeadWidth), Norm(config.HeadWidth));
        _attentionOutput = Project(config.QueryWidth, width, config.HasOutputBias);
        _feedForwardNorm = Norm(width);
        if (config.HasExperts(layer))
        {
            _experts = new MixtureOfExperts(config.Experts!, width, types, device);
        }
        else
        {
            _gateProjection = Project(width, config.FeedForwardWidth);
            _upProjection = Project(width, config.FeedForwardWidth);
            _downProjection = Project(config.FeedForwardWidth, width);
        }
        _linears = [
            .. new[]
            {
                _queryProjection, _keyProjection, _valueProjection, _fusedProjection, _attentionOutput,
                _gateProjection, _upProjection, _downProjection,
            }.OfType<Linear>(),
        ];
        _clip = config.ClipQkv?.ToScalar();
        RegisterComponents();
    }

    /// <summary>Whether a part of it has one.</summary>
    internal bool HasAdapter =>
        _experts is { HasAdapter: true } || Array.Exists(_linears, linear => linear.Adapted.Adapter is not null);

    /// <summary>
    /// Predicts by a script, and trains by modules, which compute the same; in bfloat16 on a CPU parts of a training step round otherwise
    /// (<see cref="TrainingKernels"/>, <see cref="EagerAttention"/>).
    /// </summary>
    /// <param name="x">[T, D].</param>
    /// <param name="rotation">Of queries and keys, by position.</param>
    /// <param name="packed">Attention does not cross the borders of its segments.</param>
    /// <returns>[T, D].</returns>
    public Tensor Forward(Tensor x, Rotation rotation, PackedTokens packed)
    {
        return training || is_grad_enabled() || Logistic.IsRecomputed || HasAdapter || BlockScript.Instance is not { } script
            ? ForwardByModules(x, rotation, packed)
            : ForwardByScript(script, x, rotation, packed);
    }

    private Tensor ForwardByScript(TorchScript script, Tensor x, Rotation rotation, PackedTokens packed)
    {
        using var scope = NewDisposeScope();
        var table = packed.Table ?? SegmentTable.Of(packed.Segments, packed.Positions);
        Linear[] projections = _fusedProjection is null ? [_queryProjection!, _keyProjection!, _valueProjection!] : [_fusedProjection];
        object?[] attention = [
            x, rotation.Cosine, rotation.Sine, _attentionNorm.Weight, Array.ConvertAll(projections, linear => linear.Adapted.Weight),
            projections.Select(linear => linear.Bias).OfType<Tensor>().ToArray(),
            _queryNorm is null ? Array.Empty<Tensor>() : [_queryNorm.Weight, _keyNorm!.Weight],
            _attentionOutput.Adapted.Weight, _attentionOutput.Bias, _attentionNorm.Epsilon, _clip, _config.NumHeads,
            _config.NumKeyValueHeads, (int)_computeType, _config.IsCausal, table.Numbers,
            table.Slots, table.Bounds, table.Masks, table.Kept(_layer)];
        if (_experts is null)
        {
            return script.Call("block", [
                .. attention, _feedForwardNorm.Weight, _gateProjection!.Adapted.Weight, _upProjection!.Adapted.Weight,
                _downProjection!.Adapted.Weight, Logistic.IsWhole(_config.FeedForwardWidth)]).MoveToOuterDisposeScope();
        }
        var attended = script.Call("attend", attention);
        return _experts.AddByScript(script, attended, _feedForwardNorm, _computeType, OnChoice(packed)).MoveToOuterDisposeScope();
    }

    internal Tensor ForwardByModules(Tensor x, Rotation rotation, PackedTokens packed)
    {
        using var scope = NewDisposeScope();
        var attended = x.Add(Attend(Normalize(_attentionNorm, x), rotation, packed));
        var h = Normalize(_feedForwardNorm, attended);
        return attended.Add(_experts?.Forward(h, OnChoice(packed)) ?? Gated(h)).MoveToOuterDisposeScope();
    }

    private Tensor Normalize(RmsNorm norm, Tensor x) =>
        training ? norm.NormalizeForTraining(x, _computeType) : norm.call(x).to(_computeType);

    private Tensor Gated(Tensor h)
    {
        var (gate, up) = (_gateProjection!.call(h), _upProjection!.call(h));                // [T, F]
        var gated = training && TrainingKernels.Suit(h.device, _computeType, _config.FeedForwardWidth)
            ? GateKernel.Of(gate, up)
            : Logistic.Silu(gate) * up;
        return _downProjection!.call(gated);
    }

    private Tensor Rotated(Tensor heads, Rotation rotation) =>
        training && TrainingKernels.Suit(heads.device, _computeType, _config.RotaryWidth / 2) && _config.RotaryWidth == _config.HeadWidth
            ? RotationKernel.Of(heads.contiguous(), rotation.Cosine, rotation.Sine)
            : rotation.Apply(heads);

    private Action<RouterChoice>? OnChoice(PackedTokens packed) =>
        packed.OnChoice is { } onChoice ? choice => onChoice(_layer, choice) : null;

    private Tensor Attend(Tensor a, Rotation rotation, PackedTokens packed)
    {
        var (queries, keys, values) = Project(a);
        queries = Rotated(Clamped(_queryNorm?.call(queries) ?? queries), rotation);           // [T, H, E]
        keys = Rotated(Clamped(_keyNorm?.call(keys) ?? keys), rotation);                      // [T, K, E]
        values = Clamped(values);                                                           // [T, K, E]

        List<Tensor> attended = [.. packed.Segments.Select(segment => Attend(segment, packed.Positions, queries, keys, values))];
        long numAttended = packed.Segments[^1].End;
        if (numAttended < a.shape[0])
            attended.Add(zeros(a.shape[0] - numAttended, _config.QueryWidth, a.dtype, a.device));
        return _attentionOutput.call(attended.Count == 1 ? attended[0] : cat(attended));
    }

    private (Tensor Queries, Tensor Keys, Tensor Values) Project(Tensor a)
    {
        Tensor Heads(Tensor projected, long heads) => projected.view(a.shape[0], heads, _config.HeadWidth);
        long numHeads = _config.NumHeads, numKeyHeads = _config.NumKeyValueHeads;
        if (_fusedProjection is null)
        {
            return (Heads(_queryProjection!.call(a), numHeads), Heads(_keyProjection!.call(a), numKeyHeads),
                Heads(_valueProjection!.call(a), numKeyHeads));
        }
        var all = Heads(_fusedProjection.call(a), numHeads + (2 * numKeyHeads)).split([numHeads, numKeyHeads, numKeyHeads], 1);
        return (all[0], all[1], all[2]);
    }

    private Tensor Clamped(Tensor heads)
    {
        if (_config.ClipQkv is not { } limit)
            return heads;
        using var low = (-limit).ToScalar();
        using var high = limit.ToScalar();
        return heads.clamp(low, high);
    }

    /// <returns>[rows * Length, H E].</returns>
    private Tensor Attend(Segment segment, Tensor positions, Tensor queries, Tensor keys, Tensor values)
    {
        int numTokens = segment.NumRows * segment.Length;
        int numHeads = _config.NumKeyValueHeads, group = _config.NumHeads / numHeads;
        Tensor OfSegment(Tensor packed) => packed.shape[0] == numTokens ? packed : packed.narrow(0, segment.Start, numTokens);

        var (segmentKeys, segmentValues) = (OfSegment(keys), OfSegment(values));
        if (segment.Cache is { } cache)
        {
            (segmentKeys, segmentValues) = cache.Update(_layer, OfSegment(positions), segmentKeys, segmentValues);
            if (segment.NumSeen is { } seen)
                (segmentKeys, segmentValues) = (segmentKeys.narrow(0, 0, seen), segmentValues.narrow(0, 0, seen));
        }
        Tensor Rows(Tensor heads) => heads.reshape(segment.NumRows, -1, numHeads, _config.HeadWidth).transpose(1, 2);  // [rows, K, L, E]

        var grouped = OfSegment(queries).view(segment.NumRows, segment.Length, numHeads, group, _config.HeadWidth)
            .permute(0, 2, 3, 1, 4);                                                        // [rows, K, H / K, L, E]
        var attended = SegmentAttention.Attend(
            grouped, Rows(segmentKeys), Rows(segmentValues), segment.Mask, _config.IsCausal, UsesEagerAttention(queries, segment));
        return attended.view(segment.NumRows, numHeads, group, segment.Length, _config.HeadWidth)
            .permute(0, 3, 1, 2, 4).reshape(numTokens, _config.QueryWidth);
    }

    private bool UsesEagerAttention(Tensor queries, Segment segment) =>
        training && segment.Cache is null && EagerAttention.Suits(_computeType, queries.device, segment.Length);
}
