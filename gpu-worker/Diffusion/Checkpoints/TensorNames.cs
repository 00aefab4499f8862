using System.Text.RegularExpressions;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The two dialects of tensor names: GSAI-ML/LLaDA's own and the llama-style one of converted copies.</summary>
public static partial class TensorNames
{
    private const string Prefix = "model.transformer.";

    private static readonly Dictionary<string, string> s_llamaParts = new()
    {
        ["attn_norm"] = "input_layernorm",
        ["q_proj"] = "self_attn.q_proj",
        ["k_proj"] = "self_attn.k_proj",
        ["v_proj"] = "self_attn.v_proj",
        ["attn_out"] = "self_attn.o_proj",
        ["ff_norm"] = "post_attention_layernorm",
        ["ff_proj"] = "mlp.gate_proj",
        ["up_proj"] = "mlp.up_proj",
        ["ff_out"] = "mlp.down_proj",
    };

    /// <summary>The name in a checkpoint of GSAI-ML/LLaDA.</summary>
    /// <param name="parameter">The parameter's name in <see cref="Model.MaskPredictor"/>, such as <c>blocks.0.q_proj.weight</c>.</param>
    public static string LLaDA(string parameter) => Prefix + parameter;

    /// <summary>The name in a llama-style copy, such as <c>model.layers.0.self_attn.q_proj.weight</c>.</summary>
    public static string Llama(string parameter) => parameter switch
    {
        "wte.weight" => "model.embed_tokens.weight",
        "ln_f.weight" => "model.norm.weight",
        "ff_out.weight" => "lm_head.weight",
        _ when BlockParameter().Match(parameter) is { Success: true } match =>
            $"model.layers.{match.Groups["layer"]}.{s_llamaParts[match.Groups["part"].Value]}.{match.Groups["kind"]}",
        _ => throw new ArgumentException($"{parameter} is not the name of a parameter", nameof(parameter)),
    };

    [GeneratedRegex(
        @"^blocks\.(?<layer>\d+)\.(?<part>\w+)\.(?<kind>weight|bias)\z", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex BlockParameter();
}
