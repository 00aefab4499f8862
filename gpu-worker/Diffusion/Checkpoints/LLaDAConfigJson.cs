using System.Text.Json.Nodes;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>
/// config.json of every family; LLaDA's in the fields of GSAI-ML/LLaDA, and read in the llama-style fields of converted copies too.
/// </summary>
/// <remarks>
/// Nothing is taken from class defaults: a missing size is an error, since the defaults of the original class describe another model.
/// Each field is computed, known to change no number (<see cref="NeutralFields"/>), or refused by name.
/// </remarks>
public static class LLaDAConfigJson
{
    /// <exception cref="CheckpointException">
    /// Not JSON, a size missing or out of range, an architecture that this library does not compute, or a field that it does not know.
    /// </exception>
    public static LLaDAConfig Read(string path) => new ConfigReader(ModelJson.Read(path), path).Read();

    /// <summary>
    /// Writes all fields that the reference class reads, so that the folder loads there as well. A causal network names another class,
    /// since the reference would attend to all tokens.
    /// </summary>
    public static void Write(LLaDAConfig config, string path, string torchType = "float32")
    {
        if (config.Family != ModelFamilies.LLaDA)
        {
            ModelJson.Write(path, FamilyConfigJson.Of(config, torchType));
            return;
        }
        var json = new JsonObject
        {
            ["activation_type"] = "silu",
            ["alibi"] = false,
            ["alibi_bias_max"] = 8.0,
            ["architectures"] = new JsonArray(config.Family.Architecture),
            ["attention_dropout"] = 0.0,
            ["attention_layer_norm"] = false,
            ["attention_layer_norm_with_affine"] = true,
            ["bias_for_layer_norm"] = false,
            ["block_group_size"] = 1,
            ["block_type"] = "llama",
            ["d_model"] = config.ModelWidth,
            ["embedding_dropout"] = 0.0,
            ["embedding_size"] = config.EmbeddingSize,
            ["eos_token_id"] = config.OtherEndTokenIds is []
                ? config.EosTokenId
                : new JsonArray([config.EosTokenId, .. config.OtherEndTokenIds.Select(id => (JsonNode)id)]),
            ["flash_attention"] = false,
            ["include_bias"] = false,
            ["include_qkv_bias"] = config.HasQkvBias,
            ["init_cutoff_factor"] = null,
            ["init_device"] = "cpu",
            ["init_fn"] = "mitchell",
            ["init_std"] = 0.02,
            ["input_emb_norm"] = false,
            ["layer_norm_type"] = "rms",
            ["layer_norm_with_affine"] = true,
            ["mask_token_id"] = config.MaskTokenId,
            ["max_sequence_length"] = config.MaxSequenceLength,
            ["mlp_hidden_size"] = config.FeedForwardWidth,
            ["mlp_ratio"] = 4,
            ["model_type"] = config.Family.ModelType,
            ["multi_query_attention"] = null,
            ["n_heads"] = config.NumHeads,
            ["n_kv_heads"] = config.NumKeyValueHeads,
            ["n_layers"] = config.NumLayers,
            ["pad_token_id"] = config.PadTokenId,
            ["precision"] = "amp_bf16",
            ["residual_dropout"] = 0.0,
            ["rms_norm_eps"] = config.RmsNormEpsilon,
            ["rope"] = true,
            ["rope_full_precision"] = true,
            ["rope_theta"] = config.RopeTheta,
            ["scale_logits"] = false,
            ["torch_dtype"] = torchType,
            ["use_cache"] = false,
            ["vocab_size"] = config.VocabularySize,
            ["weight_tying"] = config.TiesWeights,
        };
        if (config.EotTokenId is { } eot)
            json["eot_token_id"] = eot;
        if (config.IsCausal)
        {
            json["is_causal"] = true;
            json["architectures"] = new JsonArray("LLaDACausalTwin");
            json["model_type"] = "llada_causal_twin";
        }
        ModelJson.Write(path, json);
    }
}
