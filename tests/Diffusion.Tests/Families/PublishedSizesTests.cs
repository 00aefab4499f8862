using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Families;

/// <summary>Published models at their sizes, on the meta device, which has shapes and no values.</summary>
public sealed class PublishedSizesTests
{
    private const string LLaDAMoE =
        """
        {"architectures": ["LLaDAMoEModelLM"], "model_type": "llada", "hidden_size": 2048, "num_hidden_layers": 16,
         "num_attention_heads": 16, "num_key_value_heads": 16, "num_experts": 64, "num_experts_per_tok": 8,
         "expert_intermediate_size": 1024, "dense_intermediate_size": 8192, "shared_expert_intermediate_size": null,
         "moe_layer_freq": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1], "qk_layernorm": true, "rms_norm_eps": 1e-05,
         "rope_theta": 50000, "partial_rotary_factor": 1.0, "max_position_embeddings": 8192, "vocab_size": 157184,
         "mask_token_id": 156895, "eos_token_id": 156892, "pad_token_id": 156892, "router_aux_loss_coef": 0.01}
        """;

    private const string LLaDA2Mini =
        """
        {"architectures": ["LLaDA2MoeModelLM"], "model_type": "llada2_moe", "hidden_size": 2048, "num_hidden_layers": 20,
         "intermediate_size": 5120, "moe_intermediate_size": 512, "num_attention_heads": 16, "num_key_value_heads": 4,
         "head_dim": 128, "num_experts": 256, "num_experts_per_tok": 8, "num_shared_experts": 1, "first_k_dense_replace": 1,
         "n_group": 8, "topk_group": 4, "routed_scaling_factor": 2.5, "rope_theta": 600000, "partial_rotary_factor": 0.5,
         "rms_norm_eps": 1e-06, "vocab_size": 157184, "max_position_embeddings": 32768, "mask_token_id": 156895,
         "eos_token_id": 156892, "pad_token_id": 156892}
        """;

    private const string Dream =
        """
        {"architectures": ["DreamModel"], "model_type": "Dream", "hidden_size": 3584, "num_hidden_layers": 28,
         "num_attention_heads": 28, "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064,
         "rope_theta": 1000000.0, "rms_norm_eps": 1e-06, "max_position_embeddings": 131072, "mask_token_id": 151666,
         "eos_token_id": 151643, "pad_token_id": 151643}
        """;

    private const string Sdar =
        """
        {"architectures": ["SDARForCausalLM"], "model_type": "sdar", "hidden_size": 4096, "num_hidden_layers": 36,
         "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288, "vocab_size": 151936,
         "rope_theta": 1000000, "rms_norm_eps": 1e-06, "max_position_embeddings": 32768, "mask_token_id": 151669,
         "eos_token_id": 151643, "block_size": 4}
        """;

    public static TheoryData<string, string, long, long> Models => new()
    {
        { "LLaDA-MoE-7B-A1B", LLaDAMoE, 7_356_880_896, 1_397_823_488 },
        { "LLaDA2-mini", LLaDA2Mini, 16_255_638_528, 1_111_055_360 },
        { "LLaDA2-flash", Changed(LLaDA2Mini, json =>
            (json["num_hidden_layers"], json["hidden_size"], json["intermediate_size"], json["moe_intermediate_size"],
                json["num_attention_heads"]) = (32, 4096, 9216, 1024, 32)), 102_889_697_280, 5_508_444_160 },
        { "Dream-7B", Dream, 7_615_616_512, 7_615_616_512 },
        { "SDAR-8B", Sdar, 8_190_735_360, 8_190_735_360 },
        { "SDAR-4B", Changed(Sdar, json => (json["hidden_size"], json["intermediate_size"]) = (2560, 9728)), 4_411_424_256, 4_411_424_256 },
    };

    [Theory]
    [MemberData(nameof(Models))]
    public void Parameters_are_as_many_as_published(string model, string config, long count, long active)
    {
        var read = Read(config);
        long buffers = read.Experts is { HasBias: true } experts
            ? (long)Enumerable.Range(0, read.NumLayers).Count(read.HasExperts) * experts.NumExperts
            : 0;

        Assert.Equal((model, count, active), (model, read.NumParameters, read.NumActiveParameters));
        Assert.Equal(count + buffers, ParameterShapes.Of(read).Values.Sum(shape => shape.Aggregate(1L, (product, size) => product * size)));
    }

    [Fact]
    public void Network_with_experts_of_that_size_has_them_too()
    {
        var config = Read(LLaDA2Mini);
        using var scope = NewDisposeScope();
        using var network = new MaskPredictor(config, META, ScalarType.BFloat16, ScalarType.BFloat16);

        Assert.Equal(config.NumParameters, network.named_parameters().Sum(entry => entry.parameter.numel()));
        Assert.Equal(16_255_643_392, Checkpoint.Tensors(network).Sum(entry => entry.Value.numel()));
    }

    private static LLaDAConfig Read(string json)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), json);
        return LLaDAConfigJson.Read(folder.File("config.json"));
    }

    private static string Changed(string config, Action<JsonObject> change)
    {
        var json = JsonNode.Parse(config)!.AsObject();
        change(json);
        return json.ToJsonString();
    }
}
