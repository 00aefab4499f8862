using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using static LLaDA.Diffusion.Tests.Model.ConfigJson;

namespace LLaDA.Diffusion.Tests.Model;

public sealed class LLaDAConfigJsonTests
{
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
    public void Fields_that_are_null_ask_for_nothing() =>
        Assert.Equal(TinyModel.Config, Changed(json =>
        {
            foreach (string field in new[] { "rope_scaling", "clip_qkv", "alibi", "block_type", "n_experts" })
                json[field] = null;
        }));
}
