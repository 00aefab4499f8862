using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using static LLaDA.Diffusion.Tests.Model.ConfigJson;

namespace LLaDA.Diffusion.Tests.Model;

/// <summary>What a <c>config.json</c> says that no network of ours computes, by the name of its field.</summary>
public sealed class RefusedConfigJsonTests
{
    [Theory]
    [InlineData("d_model")]
    [InlineData("n_layers")]
    [InlineData("n_heads")]
    [InlineData("vocab_size")]
    [InlineData("max_sequence_length")]
    [InlineData("rope_theta")]
    [InlineData("rms_norm_eps")]
    [InlineData("mask_token_id")]
    [InlineData("eos_token_id")]
    public void Nothing_is_taken_from_defaults(string field)
    {
        AssertRefused(json => json.Remove(field), field);
        AssertRefused(json => json[field] = null, field);
        AssertRefused(json => json[field] = "many", field);
    }

    [Theory]
    [InlineData("block_type", "\"sequential\"")]
    [InlineData("layer_norm_type", "\"default\"")]
    [InlineData("activation_type", "\"gelu\"")]
    [InlineData("rope", "false")]
    [InlineData("layer_norm_with_affine", "false")]
    [InlineData("rope_full_precision", "false")]
    [InlineData("alibi", "true")]
    [InlineData("attention_layer_norm", "true")]
    [InlineData("bias_for_layer_norm", "true")]
    [InlineData("include_bias", "true")]
    [InlineData("input_emb_norm", "true")]
    [InlineData("mlp_bias", "true")]
    [InlineData("scale_logits", "true")]
    [InlineData("scale_logits", "\"yes\"")]
    [InlineData("clip_qkv", "8.0")]
    [InlineData("rope_scaling", "{\"type\": \"linear\", \"factor\": 2.0}")]
    public void Another_architecture_is_refused_by_its_field(string field, string value) =>
        AssertRefused(json => json[field] = JsonNode.Parse(value), field);

    [Theory]
    [InlineData(
        "architectures",
        "[\"SDARMoeForCausalLM\"]",
        "only LLaDAModelLM, ILLaDAForCausalLM, LLaDAMoEModelLM, LLaDA2MoeModelLM, DreamModel, SDARForCausalLM, "
        + "LLaDACausalTwin are supported")]
    [InlineData("architectures", "[\"LlamaForCausalLM\"]", "architectures is [\"LlamaForCausalLM\"]")]
    [InlineData("architectures", "[\"LLaDAModelLM\", \"DreamModel\"]", "architectures is [\"LLaDAModelLM\",\"DreamModel\"]")]
    [InlineData("architectures", "[]", "architectures is []")]
    [InlineData("architectures", "\"LLaDAModelLM\"", "architectures is \"LLaDAModelLM\"")]
    [InlineData("architectures", "[\"LLaDACausalTwin\"]", "architectures is LLaDACausalTwin and is_causal is false, which disagree")]
    [InlineData("is_causal", "true", "architectures is LLaDAModelLM and is_causal is true, which disagree")]
    [InlineData("partial_rotary_factor", "0.5", "partial_rotary_factor is 0.5; only 1 is supported")]
    [InlineData("head_dim", "16", "head_dim is 16; only 8 is supported")]
    [InlineData("use_sliding_window", "true", "use_sliding_window is true, which is not supported")]
    [InlineData("sliding_window", "4096", "sliding_window is 4096, which is not supported")]
    [InlineData("layer_types", "[\"full_attention\", \"sliding_attention\"]", "layer_types names \"sliding_attention\"")]
    [InlineData("final_logit_softcapping", "30.0", "final_logit_softcapping is 30.0, which is not supported")]
    [InlineData("attn_logit_softcapping", "50.0", "attn_logit_softcapping is 50.0, which is not supported")]
    [InlineData("num_experts", "64", "num_experts is 64, which is not supported")]
    [InlineData("qk_layernorm", "true", "qk_layernorm is true, which is not supported")]
    [InlineData("logits_scaling", "8.0", "logits_scaling is 8.0, which is not supported")]
    [InlineData("block_size", "32", "block_size is 32, which is not supported")]
    [InlineData("use_rope", "false", "use_rope is false, which is not supported")]
    [InlineData("quantization_config", "{\"quant_method\": \"gptq\"}", "quantization_config is {\"quant_method\":\"gptq\"}")]
    [InlineData("pretraining_tp", "2", "pretraining_tp is 2; only 1 is supported")]
    [InlineData("multi_query_attention", "true", "multi_query_attention is true and n_kv_heads 2, which disagree")]
    [InlineData("multi_query_attention", "false", "multi_query_attention is false and n_kv_heads 2, which disagree")]
    [InlineData("hidden_size", "64", "d_model is 32 and hidden_size is 64, which disagree")]
    [InlineData("tie_word_embeddings", "true", "weight_tying is false and tie_word_embeddings is true, which disagree")]
    [InlineData(
        "rope_parameters",
        "{\"rope_type\": \"yarn\", \"factor\": 4.0}",
        "rope_parameters.rope_type is \"yarn\", which is not supported; rope_parameters.factor is 4.0")]
    [InlineData(
        "rope_parameters",
        "{\"rope_theta\": 500000.0}",
        "rope_theta is 10000 and rope_parameters.rope_theta is 500000.0, which disagree")]
    [InlineData("rope_parameters", "{\"full_attention\": {\"rope_theta\": 1.0}}", "rope_parameters.full_attention is {\"rope_theta\":1.0}")]
    [InlineData("rope_parameters", "{\"partial_rotary_factor\": 0.25}", "rope_parameters.partial_rotary_factor is 0.25")]
    [InlineData("rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 8.0}", "rope_scaling.rope_type is \"llama3\"")]
    [InlineData("eos_token_id", "[36, 99]", "eos_token_id is 99")]
    [InlineData("eos_token_id", "[36, 39]", "mask_token_id must differ")]
    [InlineData("eos_token_id", "[]", "eos_token_id must be a non-negative integer")]
    public void Field_that_changes_the_numbers_is_refused_by_name(string field, string value, string fault) =>
        AssertRefused(json => json[field] = JsonNode.Parse(value), fault);

    // A linear scaling without a rope_type: https://github.com/huggingface/transformers/issues/32167.
    [Fact]
    public void Scaling_of_the_rotation_by_its_old_name_is_refused() =>
        AssertRefused(json => json["rope_scaling"] = JsonNode.Parse("""{"factor": 8.0, "type": "linear"}"""),
            "rope_scaling.factor is 8.0, which is not supported", "rope_scaling.type is \"linear\", which is not supported");

    [Fact]
    public void Model_type_decides_where_no_class_is_named() =>
        Assert.Contains("model_type is \"llama\" and architectures is missing", Assert.Throws<CheckpointException>(
            () => Read(LlamaStyle.Replace("\"llada\"", "\"llama\"", StringComparison.Ordinal))).Message, StringComparison.Ordinal);

    [Fact]
    public void Missing_fields_and_other_architectures_are_told_at_once() =>
        AssertRefused(json =>
        {
            json.Remove("d_model");
            json["n_heads"] = -4;
            json["alibi"] = true;
            json["block_type"] = "gpt";
        }, "d_model is missing", "n_heads must be a non-negative integer, not -4", "alibi is true", "block_type is \"gpt\"");

    [Fact]
    public void Contradictory_values_are_told_at_once() =>
        AssertRefused(json =>
        {
            json["n_heads"] = 6;
            json["mask_token_id"] = TinyModel.Eos;
            json["rope_theta"] = -1;
        }, "d_model 32 must split into 6 heads", "mask_token_id must differ", "rope_theta and rms_norm_eps must be positive");

    [Fact]
    public void Absurd_sizes_are_refused()
    {
        AssertRefused(json => json["n_layers"] = 2_000_000_000, "n_layers is 2000000000");
        AssertRefused(json => json["max_sequence_length"] = 2_000_000_000, "max_sequence_length is 2000000000");

        // In 32 bits the product would wrap around to 64.
        AssertRefused(json =>
        {
            json.Remove("mlp_hidden_size");
            json["mlp_ratio"] = 134_217_730;
        }, "mlp_ratio makes a width of 4294967360");
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[1]")]
    [InlineData("null")]
    [InlineData("""{"d_model": 32, "d_model": 64}""")]
    public void Text_that_is_no_object_is_refused_by_the_files_name(string text)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), text);

        var exception = Assert.Throws<CheckpointException>(() => LLaDAConfigJson.Read(folder.File("config.json")));

        Assert.StartsWith($"{folder.File("config.json")} is not a JSON object", exception.Message, StringComparison.Ordinal);
    }
}
