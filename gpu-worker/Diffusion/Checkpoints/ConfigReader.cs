using System.Text.Json.Nodes;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The network that the fields of a config.json describe.</summary>
internal sealed class ConfigReader(JsonObject json, string path)
{
    /// <summary>
    /// Classes that compute this network. Other models share its shape, block-causal ones for instance, and give other numbers.
    /// </summary>
    private static readonly string[] s_architectures = ["LLaDAModelLM", "ILLaDAForCausalLM", CausalArchitecture];

    private const string CausalArchitecture = "LLaDACausalTwin";

    private readonly ConfigFields _fields = new(json);

    /// <exception cref="CheckpointException">With every fault.</exception>
    public LLaDAConfig Read()
    {
        int width = _fields.Size("d_model", "hidden_size");
        int heads = _fields.Size("n_heads", "num_attention_heads");
        bool isMultiQuery = _fields.Flag(false, "multi_query_attention");
        int vocabulary = _fields.Size("vocab_size");
        bool isCausal = _fields.Flag(false, "is_causal");
        int[] ends = _fields.Sizes("eos_token_id");
        var config = new LLaDAConfig
        {
            ModelWidth = width,
            NumLayers = _fields.Size("n_layers", "num_hidden_layers"),
            NumHeads = heads,
            NumKeyValueHeads = _fields.OptionalSize("n_kv_heads", "num_key_value_heads") ?? (isMultiQuery ? 1 : heads),
            FeedForwardWidth = _fields.OptionalSize("mlp_hidden_size", "intermediate_size") ?? _fields.Multiple(width, "mlp_ratio"),
            VocabularySize = vocabulary,
            EmbeddingSize = _fields.OptionalSize("embedding_size") ?? vocabulary,
            MaxSequenceLength = _fields.Size("max_sequence_length", "max_position_embeddings"),
            RopeTheta = RotaryFields.Theta(_fields),
            RmsNormEpsilon = _fields.Number("rms_norm_eps"),
            HasQkvBias = _fields.Flag(false, "include_qkv_bias", "attention_bias"),
            TiesWeights = _fields.Flag(false, "weight_tying", "tie_word_embeddings"),
            IsCausal = isCausal,
            MaskTokenId = _fields.Size("mask_token_id"),
            EosTokenId = ends[0],
            OtherEndTokenIds = ends.Length > 1 ? ends[1..] : [],
            PadTokenId = _fields.OptionalSize("pad_token_id") ?? ends[0],
            EotTokenId = _fields.OptionalSize("eot_token_id"),
        };
        _fields.Pass("mlp_ratio");      // Of no account beside a width.
        if (_fields.Find("multi_query_attention") is not null && config.NumKeyValueHeads != (isMultiQuery ? 1 : heads))
        {
            string multiQuery = isMultiQuery ? "true" : "false";
            _fields.Refuse($"multi_query_attention is {multiQuery} and n_kv_heads {config.NumKeyValueHeads}, which disagree");
        }
        RequireArchitecture(isCausal);
        RequireSameNetwork(width, heads);
        _fields.RefuseOthers(NeutralFields.Contains);
        string[] errors = _fields.Errors.Count > 0 ? [.. _fields.Errors] : [.. config.Validate()];
        return errors.Length == 0 ? config : throw new CheckpointException(path, string.Join("; ", errors));
    }

    /// <remarks>The class decides: LLaDA-MoE states the model_type of LLaDA.</remarks>
    private void RequireArchitecture(bool isCausal)
    {
        string known = string.Join(", ", s_architectures);
        switch (_fields.Find("architectures"))
        {
            case null:
                if (_fields.Find("model_type") is { } type && type.ToString() is not ("llada" or "illada" or "llada_causal_twin"))
                    _fields.Refuse($"model_type is \"{type}\" and architectures is missing; only {known} are supported");
                break;
            case JsonArray { Count: 1 } classes when classes[0] is JsonValue name && s_architectures.Contains(name.ToString()):
                _fields.Find("model_type");
                if ((name.ToString() == CausalArchitecture) != isCausal)
                    _fields.Refuse($"architectures is {name} and is_causal is {(isCausal ? "true" : "false")}, which disagree");
                break;
            case var other:
                _fields.Refuse($"architectures is {other.ToJsonString()}; only {known} are supported");
                break;
        }
    }

    /// <summary>Refuses fields whose other values mean another network: computing would give wrong numbers in silence.</summary>
    private void RequireSameNetwork(int width, int heads)
    {
        _fields.RequireText("llama", "block_type");
        _fields.RequireText("rms", "layer_norm_type");
        _fields.RequireText("silu", "activation_type", "hidden_act");
        foreach (string field in (string[])["rope", "layer_norm_with_affine", "rope_full_precision"])
            _fields.RequireFlag(true, field);
        string[] absent =
        [
            "alibi", "attention_layer_norm", "bias_for_layer_norm", "include_bias", "input_emb_norm", "mlp_bias", "scale_logits",
            "use_sliding_window",
        ];
        foreach (string field in absent)
            _fields.RequireFlag(false, field);
        _fields.RequireNumber(heads > 0 ? width / heads : 0, "head_dim");
        _fields.RequireNumber(1, "pretraining_tp");
        foreach (var kind in _fields.Find("layer_types") as JsonArray ?? [])
        {
            if (kind?.ToString() != "full_attention")
                _fields.Refuse($"layer_types names {kind?.ToJsonString()}; only \"full_attention\" is supported");
        }

        // A window without its switch is in use, as in Mistral's files; with the switch off, the values are leftovers.
        if (_fields.Find("use_sliding_window") is not null)
            _fields.Pass("sliding_window", "max_window_layers");
    }
}
