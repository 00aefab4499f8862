using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The names and shapes of a model's parameters, from its configuration alone: no memory is taken.</summary>
public static class ParameterShapes
{
    /// <returns>
    /// By the parameter's name in <see cref="MaskPredictor"/>: 3 + 9 for each layer, less 1 with tied weights, plus 3 for each layer with
    /// biases.
    /// </returns>
    public static IReadOnlyDictionary<string, long[]> Of(LLaDAConfig config)
    {
        long width = config.ModelWidth, feedForward = config.FeedForwardWidth;
        long keyValueWidth = (long)config.NumKeyValueHeads * config.HeadWidth;
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
            Add("attn_norm.weight", width);
            Add("q_proj.weight", width, width);
            Add("k_proj.weight", keyValueWidth, width);
            Add("v_proj.weight", keyValueWidth, width);
            Add("attn_out.weight", width, width);
            Add("ff_norm.weight", width);
            Add("ff_proj.weight", feedForward, width);
            Add("up_proj.weight", feedForward, width);
            Add("ff_out.weight", width, feedForward);
            if (config.HasQkvBias)
            {
                Add("q_proj.bias", width);
                Add("k_proj.bias", keyValueWidth);
                Add("v_proj.bias", keyValueWidth);
            }
        }
        return shapes;
    }
}
