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
         "attention_bias": true, "tie_word_embeddings": false,
         "hidden_act": "silu", "mask_token_id": 39, "eos_token_id": 36, "pad_token_id": 37, "eot_token_id": 38, "model_type": "llada"}
        """;

    [Fact]
    public void What_is_written_is_read_back()
    {
        var tied = TinyModel.Config with { EotTokenId = null, TiesWeights = true, RmsNormEpsilon = 1e-6 };
        foreach (var config in new[] { TinyModel.Config, LLaDAConfigTests.LLaDA8B, tied, TinyModel.Config with { IsCausal = true } })
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
