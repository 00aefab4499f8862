using System.Globalization;
using System.Text.RegularExpressions;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The names of tensors in checkpoints, by those in <see cref="MaskPredictor"/>.</summary>
public static partial class TensorNames
{
    private const string Prefix = "model.transformer.", Weight = ".weight";

    /// <summary>Of llama, Qwen2, Qwen3 and LLaDA-MoE, below <c>model.layers.N</c>.</summary>
    private static readonly Dictionary<string, string> s_llamaParts = new()
    {
        ["attn_norm"] = "input_layernorm",
        ["q_proj"] = "self_attn.q_proj",
        ["k_proj"] = "self_attn.k_proj",
        ["v_proj"] = "self_attn.v_proj",
        ["q_norm"] = "self_attn.q_norm",
        ["k_norm"] = "self_attn.k_norm",
        ["attn_out"] = "self_attn.o_proj",
        ["ff_norm"] = "post_attention_layernorm",
        ["ff_proj"] = "mlp.gate_proj",
        ["up_proj"] = "mlp.up_proj",
        ["ff_out"] = "mlp.down_proj",
        ["moe.router"] = "mlp.gate",
        ["moe.router.bias"] = "mlp.expert_bias",
        ["moe.experts"] = "mlp.experts",
        ["moe.shared"] = "shared_expert",
    };

    /// <summary>Of LLaDA2, below <c>model.layers.N</c>.</summary>
    private static readonly Dictionary<string, string> s_llada2Parts = new(s_llamaParts)
    {
        ["qkv_proj"] = "attention.query_key_value",
        ["q_norm"] = "attention.query_layernorm",
        ["k_norm"] = "attention.key_layernorm",
        ["attn_out"] = "attention.dense",
        ["moe.router.bias"] = "mlp.gate.expert_bias",
        ["moe.shared"] = "mlp.shared_experts",
    };

    /// <summary>The name in a checkpoint of GSAI-ML/LLaDA.</summary>
    /// <param name="parameter">The parameter's name in <see cref="MaskPredictor"/>, such as <c>blocks.0.q_proj.weight</c>.</param>
    public static string LLaDA(string parameter) => Prefix + parameter;

    /// <summary>The name in a llama-style copy, such as <c>model.layers.0.self_attn.q_proj.weight</c>.</summary>
    public static string Llama(string parameter) => Of(TensorNaming.Llama, parameter);

    /// <summary>The name in a checkpoint; of experts that of all of a layer together.</summary>
    /// <param name="parameter">The parameter's, or buffer's, name in <see cref="MaskPredictor"/>.</param>
    public static string Of(TensorNaming naming, string parameter) => (naming, parameter) switch
    {
        (TensorNaming.LLaDA, _) => LLaDA(parameter),
        (TensorNaming.LLaDA2, "wte.weight") => "model.word_embeddings.weight",
        (_, "wte.weight") => "model.embed_tokens.weight",
        (_, "ln_f.weight") => "model.norm.weight",
        (_, "ff_out.weight") => "lm_head.weight",
        _ when OfLayer().Match(parameter) is { Success: true } match
            && Part(naming == TensorNaming.LLaDA2 ? s_llada2Parts : s_llamaParts, match.Groups["part"].Value) is { } part =>
            $"model.layers.{match.Groups["layer"]}.{part}",
        _ => throw new ArgumentException($"{parameter} is not the name of a parameter", nameof(parameter)),
    };

    /// <summary>The name of a module, such as a projection: that of its weight without the last part.</summary>
    public static string OfModule(TensorNaming naming, string module) => Of(naming, module + Weight)[..^Weight.Length];

    /// <summary>The name of one expert's matrix.</summary>
    /// <param name="stack">Name in a checkpoint of all of the layer, such as <c>model.layers.1.mlp.experts.gate_proj</c>.</param>
    public static string OfExpert(string stack, int expert) => string.Create(
        CultureInfo.InvariantCulture, $"{stack[..stack.LastIndexOf('.')]}.{expert}{stack[stack.LastIndexOf('.')..]}{Weight}");

    /// <summary>The longest known beginning is translated, and the rest stays.</summary>
    private static string? Part(Dictionary<string, string> parts, string part)
    {
        for (int end = part.Length; end > 0; end = part.LastIndexOf('.', end - 1))
        {
            if (parts.TryGetValue(part[..end], out string? name))
                return name + part[end..];
        }
        return null;
    }

    [GeneratedRegex(
        @"^blocks\.(?<layer>\d+)\.(?<part>[\w.]+\.(weight|bias)|moe\.experts\.\w+)\z",
        RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex OfLayer();
}
