using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The names and shapes of a model's parameters and buffers, from its configuration alone: no memory is taken.</summary>
public static class ParameterShapes
{
    /// <returns>By the parameter's, or buffer's, name in <see cref="MaskPredictor"/>. Experts are one tensor for all of a layer.</returns>
    public static IReadOnlyDictionary<string, long[]> Of(LLaDAConfig config)
    {
        long width = config.ModelWidth;
        Dictionary<string, long[]> shapes = new()
        {
            ["wte.weight"] = [config.EmbeddingSize, width],
            ["ln_f.weight"] = [width],
        };
        if (!config.TiesWeights)
            shapes["ff_out.weight"] = [config.EmbeddingSize, width];

        for (int layer = 0; layer < config.NumLayers; layer++)
        {
            void Add(string part, params long[] shape) => shapes[$"blocks.{layer}.{part}"] = shape;
            AddAttention(config, Add);
            Add("ff_norm.weight", width);
            if (config.HasExperts(layer))
                AddExperts(config.Experts!, width, Add);
            else
                AddGated(width, config.FeedForwardWidth, "ff_proj.weight", "up_proj.weight", "ff_out.weight", Add);
        }
        return shapes;
    }

    private delegate void AddShape(string part, params long[] shape);

    private static void AddAttention(LLaDAConfig config, AddShape add)
    {
        long width = config.ModelWidth, queryWidth = config.QueryWidth, keyWidth = config.KeyWidth;
        (string Name, long Width)[] projections = config.Family.FusesQueryKeyValue
            ? [("qkv_proj", queryWidth + (2 * keyWidth))]
            : [("q_proj", queryWidth), ("k_proj", keyWidth), ("v_proj", keyWidth)];
        add("attn_norm.weight", width);
        foreach (var (name, outputWidth) in projections)
        {
            add($"{name}.weight", outputWidth, width);
            if (config.HasQkvBias)
                add($"{name}.bias", outputWidth);
        }
        if (config.HasQkNorm)
        {
            add("q_norm.weight", config.HeadWidth);
            add("k_norm.weight", config.HeadWidth);
        }
        add("attn_out.weight", width, queryWidth);
        if (config.HasOutputBias)
            add("attn_out.bias", width);
    }

    private static void AddExperts(ExpertConfig experts, long width, AddShape add)
    {
        add("moe.router.weight", experts.NumExperts, width);
        if (experts.HasBias)
            add("moe.router.bias", experts.NumExperts);
        add("moe.experts.gate_proj", experts.NumExperts, experts.Width, width);
        add("moe.experts.up_proj", experts.NumExperts, experts.Width, width);
        add("moe.experts.down_proj", experts.NumExperts, width, experts.Width);
        if (experts.SharedWidth > 0)
        {
            AddGated(
                width, experts.SharedWidth, "moe.shared.gate_proj.weight", "moe.shared.up_proj.weight", "moe.shared.down_proj.weight", add);
        }
    }

    private static void AddGated(long width, long innerWidth, string gate, string up, string down, AddShape add)
    {
        add(gate, innerWidth, width);
        add(up, innerWidth, width);
        add(down, width, innerWidth);
    }
}
