using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Tests.Model;

public sealed class LLaDAConfigJsonTests
{
    private const string LlamaStyle =
        """
        {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48,
         "vocab_size": 40, "embedding_size": 44, "max_position_embeddings": 64, "rope_theta": 10000.0, "rms_norm_eps": 1e-05,
         "attention_bias": true, "tie_word_embeddings": false, "hidden_act": "silu", "mask_token_id": 39, "eos_token_id": 36,
         "pad_token_id": 37, "eot_token_id": 38, "model_type": "llada"}
        """;

    [Fact]
    public void What_is_written_is_read_back()
    {
        LLaDAConfig[] configs =
        [
            TinyModel.Config,
            LLaDAConfigTests.LLaDA8B,
            TinyModel.Config with { EotTokenId = null, TiesWeights = true, RmsNormEpsilon = 1e-6 },
            TinyModel.Config with { IsCausal = true },
        ];
        foreach (var config in configs)
            Assert.Equal(config, Read(path => LLaDAConfigJson.Write(config, path)));
    }

    [Fact]
    public void Causal_mask_is_named_only_where_there_is_one_and_then_the_reference_class_is_not()
    {
        string Written(LLaDAConfig config)
        {
            using var folder = new TemporaryFolder();
            string path = Path.Combine(folder.Path, "config.json");
            LLaDAConfigJson.Write(config, path);
            return File.ReadAllText(path);
        }

        Assert.DoesNotContain("causal", Written(TinyModel.Config));
        Assert.DoesNotContain("LLaDAModelLM", Written(TinyModel.Config with { IsCausal = true }));
    }

    [Fact]
    public void Llama_style_fields_say_the_same() => Assert.Equal(TinyModel.Config, Read(LlamaStyle));

    [Fact]
    public void Heads_of_keys_are_as_many_as_those_of_queries_unless_said_otherwise()
    {
        Assert.Equal(4, Changed(json => json.Remove("n_kv_heads")).NumKeyValueHeads);
        Assert.Equal(1, Changed(json =>
        {
            json.Remove("n_kv_heads");
            json["multi_query_attention"] = true;
        }).NumKeyValueHeads);
    }

    [Fact]
    public void Feed_forward_width_may_be_a_ratio_and_the_embedding_the_vocabulary()
    {
        Assert.Equal(4 * 32, Changed(json => json.Remove("mlp_hidden_size")).FeedForwardWidth);
        Assert.Equal(40, Changed(json => json.Remove("embedding_size")).EmbeddingSize);
        Assert.Equal(TinyModel.Eos, Changed(json => json.Remove("pad_token_id")).PadTokenId);
    }

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

    [Theory]
    [InlineData("rope_scaling", "{\"type\": \"default\"}")]
    [InlineData("rope_scaling", "{\"rope_type\": \"default\"}")]
    [InlineData("rope_parameters", "{\"rope_type\": \"default\", \"rope_theta\": 10000.0, \"partial_rotary_factor\": 1.0}")]
    [InlineData("partial_rotary_factor", "1.0")]
    [InlineData("head_dim", "8")]
    [InlineData("hidden_size", "32")]
    [InlineData("max_sequence_length", "64.0")]
    [InlineData("layer_types", "[\"full_attention\", \"full_attention\"]")]
    [InlineData("pretraining_tp", "1")]
    [InlineData("bos_token_id", "1")]
    [InlineData("transformers_version", "\"5.1.0\"")]
    [InlineData("_name_or_path", "\"somewhere\"")]
    [InlineData("auto_map", "{\"AutoModel\": \"modeling_llada.LLaDAModelLM\"}")]
    [InlineData("final_logit_softcapping", "null")]
    [InlineData("sliding_window", "null")]
    public void Field_that_changes_no_number_is_passed_over(string field, string value) =>
        Assert.Equal(TinyModel.Config, Changed(json => json[field] = JsonNode.Parse(value)));

    [Fact]
    public void Window_whose_switch_is_off_is_a_leftover() =>
        Assert.Equal(TinyModel.Config, Changed(json =>
            (json["use_sliding_window"], json["sliding_window"], json["max_window_layers"]) = (false, 4096, 28)));

    [Fact]
    public void Base_of_the_rotation_may_stand_in_rope_parameters_alone() =>
        Assert.Equal(500_000, Changed(json =>
        {
            json.Remove("rope_theta");
            json["rope_parameters"] = JsonNode.Parse("""{"rope_type": "default", "rope_theta": 500000}""");
        }).RopeTheta);

    // https://github.com/sgl-project/sglang/pull/22739
    [Fact]
    public void Base_of_the_rotation_may_stand_beside_rope_parameters_without_it() =>
        Assert.Equal(TinyModel.Config, Changed(json => json["rope_parameters"] = JsonNode.Parse("""{"rope_type": "default"}""")));

    // A linear scaling without a rope_type: https://github.com/huggingface/transformers/issues/32167.
    [Fact]
    public void Scaling_of_the_rotation_by_its_old_name_is_refused() =>
        AssertRefused(json => json["rope_scaling"] = JsonNode.Parse("""{"factor": 8.0, "type": "linear"}"""),
            "rope_scaling.factor is 8.0, which is not supported", "rope_scaling.type is \"linear\", which is not supported");

    // https://github.com/ml-explore/mlx-lm/issues/1884
    [Fact]
    public void Scaling_of_the_rotation_that_is_null_is_none() =>
        Assert.Equal(TinyModel.Config, Changed(json => json["rope_scaling"] = null));

    [Fact]
    public void All_ends_of_a_list_end_and_the_first_is_the_end_of_text()
    {
        var config = Changed(json => json["eos_token_id"] = new JsonArray(36, 7, 9));

        Assert.Equal(TinyModel.Eos, config.EosTokenId);
        Assert.Equal([36, 38, 7, 9], config.EndTokenIds);
        Assert.All(config.EndTokenIds, end => Assert.True(config.IsEnd(end)));
        Assert.False(config.IsEnd(8));
        Assert.Equal(config.EndTokenIds, Read(path => LLaDAConfigJson.Write(config, path)).EndTokenIds);
    }

    [Fact]
    public void Numbers_that_only_Python_writes_are_read()
    {
        string Written(string field) => LlamaStyle.Replace(
            "{\"hidden_size\"", "{" + field + ", \"_note\": \"NaN \\\" Infinity\", \"hidden_size\"", StringComparison.Ordinal);

        Assert.Equal(TinyModel.Config, Read(Written("\"alibi_bias_max\": NaN, \"length_penalty\": -Infinity, \"temperature\": Infinity")));
        Assert.Contains("rms_norm_eps must be a number", Assert.Throws<CheckpointException>(
            () => Read(LlamaStyle.Replace("1e-05", "NaN", StringComparison.Ordinal))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Model_type_decides_where_no_class_is_named() =>
        Assert.Contains("model_type is \"llama\" and architectures is missing", Assert.Throws<CheckpointException>(
            () => Read(LlamaStyle.Replace("\"llada\"", "\"llama\"", StringComparison.Ordinal))).Message, StringComparison.Ordinal);

    [Fact]
    public void Fields_that_are_null_ask_for_nothing() =>
        Assert.Equal(TinyModel.Config, Changed(json =>
        {
            foreach (string field in new[] { "rope_scaling", "clip_qkv", "alibi", "block_type", "n_experts" })
                json[field] = null;
        }));

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

    private static LLaDAConfig Changed(Action<JsonObject> change) => Read(path => WriteChanged(path, change));

    private static LLaDAConfig Read(string json) => Read(path => File.WriteAllText(path, json));

    private static LLaDAConfig Read(Action<string> write)
    {
        using var folder = new TemporaryFolder();
        write(folder.File("config.json"));
        return LLaDAConfigJson.Read(folder.File("config.json"));
    }

    private static void AssertRefused(Action<JsonObject> change, params ReadOnlySpan<string> faults)
    {
        var exception = Assert.Throws<CheckpointException>(() => Changed(change));
        foreach (string fault in faults)
            Assert.Contains(fault, exception.Message, StringComparison.Ordinal);
    }

    private static void WriteChanged(string path, Action<JsonObject> change)
    {
        LLaDAConfigJson.Write(TinyModel.Config, path);
        var json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }
}
