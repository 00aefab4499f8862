using System.Text.Json.Nodes;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>config.json in the fields that the reference class of a family reads, for families other than LLaDA.</summary>
internal static class FamilyConfigJson
{
    public static JsonObject Of(LLaDAConfig config, string torchType)
    {
        var json = new JsonObject
        {
            ["architectures"] = new JsonArray(config.Family.Architecture),
            ["model_type"] = config.Experts is { AreStacked: true } ? $"{config.Family.ModelType}_veomni" : config.Family.ModelType,
            ["hidden_act"] = "silu",
            ["hidden_size"] = config.ModelWidth,
            ["num_hidden_layers"] = config.NumLayers,
            ["num_attention_heads"] = config.NumHeads,
            ["num_key_value_heads"] = config.NumKeyValueHeads,
            ["vocab_size"] = config.VocabularySize,
            ["max_position_embeddings"] = config.MaxSequenceLength,
            ["rms_norm_eps"] = config.RmsNormEpsilon,
            ["rope_theta"] = config.RopeTheta,
            ["rope_scaling"] = null,
            ["tie_word_embeddings"] = config.TiesWeights,
            ["attention_dropout"] = 0.0,
            ["initializer_range"] = 0.02,
            ["torch_dtype"] = torchType,
            ["use_cache"] = false,
            ["mask_token_id"] = config.MaskTokenId,
            ["eos_token_id"] = config.EosTokenId,
        };
        AddSwitches(json, config);
        return json;
    }

    /// <summary>Ends and padding in generation_config.json, where the reference's generation looks for them.</summary>
    public static JsonObject Generation(LLaDAConfig config) => new()
    {
        ["eos_token_id"] = config.OtherEndTokenIds is []
            ? config.EosTokenId
            : new JsonArray([config.EosTokenId, .. config.OtherEndTokenIds.Select(id => (JsonNode)id)]),
        ["pad_token_id"] = config.PadTokenId,
    };

    private static void AddSwitches(JsonObject json, LLaDAConfig config)
    {
        // A padding id makes the reference freeze that row of the embedding: SDAR's config.json has none.
        if (config.Family.FreezesPaddingEmbedding)
            json["pad_token_id"] = config.PadTokenId;
        if (config.EotTokenId is { } eot)
            json["eot_token_id"] = eot;
        if (config.BlockLength is { } blockLength)
            json["block_size"] = blockLength;
        if (config.Family == ModelFamilies.Sdar || config.Family == ModelFamilies.LLaDA2)
            json["head_dim"] = config.HeadWidth;
        if (config.Family != ModelFamilies.LLaDAMoE)
            json["intermediate_size"] = config.FeedForwardWidth;
        if (config.Family != ModelFamilies.Dream && config.Family != ModelFamilies.LLaDA2)
            json["attention_bias"] = config.HasQkvBias;
        if (config.EmbeddingSize != config.VocabularySize)
            json["embedding_size"] = config.EmbeddingSize;
        if (config.Experts is { } experts)
            AddExperts(json, config, experts);
        else
            (json["use_sliding_window"], json["sliding_window"]) = (false, null);
    }

    private static void AddExperts(JsonObject json, LLaDAConfig config, ExpertConfig experts)
    {
        json["num_experts"] = experts.NumExperts;
        json["num_experts_per_tok"] = experts.NumChosen;
        json["partial_rotary_factor"] = (double)config.RotaryWidth / config.HeadWidth;
        json["output_router_logits"] = false;
        json["moe_router_enable_expert_bias"] = experts.HasBias;
        json["routed_scaling_factor"] = experts.Scale;
        if (experts.Router == RouterKind.Softmax)
        {
            json["expert_intermediate_size"] = experts.Width;
            json["dense_intermediate_size"] = config.FeedForwardWidth;
            json["shared_expert_intermediate_size"] = experts.SharedWidth == 0 ? null : experts.SharedWidth;
            json["moe_layer_freq"] = new JsonArray([.. Enumerable.Range(0, config.NumLayers)
                .Select(layer => (JsonNode)(config.HasExperts(layer) ? 1 : 0))]);
            json["moe_router_score_function"] = "softmax";
            json["norm_topk_prob"] = null;
            json["qk_layernorm"] = config.HasQkNorm;
            json["clip_qkv"] = config.ClipQkv;
            json["router_aux_loss_coef"] = experts.BalanceWeight;
            return;
        }
        json["moe_intermediate_size"] = experts.Width;
        json["num_shared_experts"] = experts.SharedWidth / experts.Width;
        json["first_k_dense_replace"] = experts.DenseLayers.Count;
        json["n_group"] = experts.NumGroups;
        json["topk_group"] = experts.NumChosenGroups;
        json["norm_topk_prob"] = true;
        json["score_function"] = "sigmoid";
        json["router_dtype"] = "fp32";
        json["rotary_dim"] = config.RotaryWidth;
        json["use_bias"] = config.HasOutputBias;
        json["use_qkv_bias"] = config.HasQkvBias;
        json["use_rmsnorm"] = true;
        json["norm_head"] = false;
        json["norm_softmax"] = false;
        json["using_split_qkv_in_self_attention"] = false;
        (json["use_sliding_window"], json["sliding_window"]) = (false, 4096);
        (json["embedding_dropout"], json["output_dropout"]) = (0.0, 0.0);
    }
}
