using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Batch.Benchmarks.Devices;

/// <summary>
/// Dense LLaDA on a model's weights as its reference computes it: rows of equal length side by side, one PyTorch operation after the other.
/// </summary>
internal sealed class PlainNetwork(MaskPredictor model) : IDisposable
{
    private readonly LLaDAConfig _config = model.Config;
    private readonly Dictionary<string, Tensor> _weights = model.named_parameters().ToDictionary(
        entry => entry.name, entry => (Tensor)entry.parameter);

    private readonly RotaryEmbedding _rotary = new(
        model.Config.RotaryWidth, model.Config.MaxSequenceLength, model.Config.RopeTheta, model.Device);

    public LLaDAConfig Config => _config;

    public Device Device => model.Device;

    /// <summary>Of weights and products.</summary>
    public ScalarType Type => model.WeightType;

    /// <param name="tokens">[B, n], int64: the canvases' tokens from position <paramref name="start"/> on.</param>
    /// <param name="cache">Keeps the keys and values of these tokens and gives those of all others; null for none.</param>
    /// <returns>[B, n, V'], in the type of the weights.</returns>
    public Tensor Logits(Tensor tokens, int start = 0, PlainCache? cache = null)
    {
        using var scope = NewDisposeScope();
        var rotation = _rotary.At(arange(start, start + tokens.shape[1], ScalarType.Int64, Device));
        var x = _weights["wte.weight"].index_select(0, tokens.flatten()).view(tokens.shape[0], tokens.shape[1], -1);
        for (int layer = 0; layer < _config.NumLayers; layer++)
        {
            using var ofLayer = NewDisposeScope();
            string block = $"blocks.{layer}";
            x = x + Attend(Normalize(x, $"{block}.attn_norm"), layer, rotation, start, cache);
            var h = Normalize(x, $"{block}.ff_norm");
            var gated = nn.functional.silu(Project(h, $"{block}.ff_proj")) * Project(h, $"{block}.up_proj");
            x = (x + Project(gated, $"{block}.ff_out")).MoveToOuterDisposeScope();
        }
        var head = _config.TiesWeights ? _weights["wte.weight"] : _weights["ff_out.weight"];
        return nn.functional.linear(Normalize(x, "ln_f"), head).MoveToOuterDisposeScope();
    }

    public void Dispose() => _rotary.Dispose();

    private Tensor Attend(Tensor x, int layer, Rotation rotation, int start, PlainCache? cache)
    {
        var (batch, length) = (x.shape[0], x.shape[1]);
        Tensor Heads(string part, int count) => Project(x, $"blocks.{layer}.{part}").view(batch, length, count, _config.HeadWidth);
        var queries = rotation.Apply(Heads("q_proj", _config.NumHeads)).transpose(1, 2);                        // [B, H, n, E]
        var keys = rotation.Apply(Heads("k_proj", _config.NumKeyValueHeads)).transpose(1, 2);                   // [B, K, n, E]
        var values = Heads("v_proj", _config.NumKeyValueHeads).transpose(1, 2);                                 // [B, K, n, E]
        if (cache is not null)
            (keys, values) = cache.Put(layer, start, keys, values);
        int group = _config.NumHeads / _config.NumKeyValueHeads;
        if (group > 1)
            (keys, values) = (keys.repeat_interleave(group, 1), values.repeat_interleave(group, 1));
        var attended = nn.functional.scaled_dot_product_attention(queries, keys, values).transpose(1, 2);       // [B, n, H, E]
        return Project(attended.reshape(batch, length, _config.QueryWidth), $"blocks.{layer}.attn_out");
    }

    private Tensor Project(Tensor x, string name) => nn.functional.linear(x, _weights[$"{name}.weight"]);

    private Tensor Normalize(Tensor x, string name)
    {
        var full = x.to(ScalarType.Float32);
        var normed = full * rsqrt((full * full).mean([-1], keepdim: true) + _config.RmsNormEpsilon);
        return normed.to(x.dtype) * _weights[$"{name}.weight"];
    }
}

/// <summary>Keys and values of a batch of canvases in all layers (Fast-dLLM's cache).</summary>
internal sealed class PlainCache(PlainNetwork network, int numRows, int length) : IDisposable
{
    private readonly Tensor[] _keys = Layers(network, numRows, length);
    private readonly Tensor[] _values = Layers(network, numRows, length);

    /// <param name="keys">[B, K, n, E], of the positions from <paramref name="start"/> on.</param>
    /// <returns>[B, K, L, E] each.</returns>
    public (Tensor Keys, Tensor Values) Put(int layer, int start, Tensor keys, Tensor values)
    {
        _keys[layer].narrow(2, start, keys.shape[2]).copy_(keys);
        _values[layer].narrow(2, start, keys.shape[2]).copy_(values);
        return (_keys[layer], _values[layer]);
    }

    public void Dispose()
    {
        foreach (var kept in _keys.Concat(_values))
            kept.Dispose();
    }

    private static Tensor[] Layers(PlainNetwork network, int numRows, int length) =>
    [
        .. Enumerable.Range(0, network.Config.NumLayers).Select(_ => zeros(
            [numRows, network.Config.NumKeyValueHeads, length, network.Config.HeadWidth], network.Type, network.Device)
            .DetachFromDisposeScope()),
    ];
}
