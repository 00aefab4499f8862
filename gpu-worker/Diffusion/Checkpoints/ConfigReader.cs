using System.Text.Json.Nodes;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The network that the fields of a config.json describe.</summary>
internal sealed class ConfigReader(JsonObject json, string path)
{
    /// <summary>The autoregressive twin of a LLaDA, this library's own.</summary>
    private const string CausalArchitecture = "LLaDACausalTwin";

    private readonly ConfigFields _fields = new(json);
    private readonly TokenFiles _files = new(Path.GetDirectoryName(path)!);

    /// <exception cref="CheckpointException">With every fault.</exception>
    public LLaDAConfig Read()
    {
        var family = Family();
        bool isLLaDA = family == ModelFamilies.LLaDA || family == ModelFamilies.ILLaDA;
        var config = WithTokens(isLLaDA ? LLaDA(family) : FamilyFields.Read(family, _fields));
        _fields.RefuseOthers(NeutralFields.Contains);
        string[] errors = _fields.Errors.Count > 0 ? [.. _fields.Errors] : [.. config.Validate()];
        return errors.Length == 0 ? config : throw new CheckpointException(path, string.Join("; ", errors));
    }

    /// <remarks>The class decides: LLaDA-MoE states the model_type of LLaDA.</remarks>
    private ModelFamily Family()
    {
        string known = string.Join(", ", [.. ModelFamilies.All.Select(family => family.Architecture), CausalArchitecture]);
        var type = _fields.Find("model_type");
        switch (_fields.Find("architectures"))
        {
            case null:
                return type?.ToString() is null or "llada" or "illada" or "llada_causal_twin"
                    ? ModelFamilies.LLaDA
                    : throw new CheckpointException(
                        path, $"model_type is \"{type}\" and architectures is missing; only {known} are supported");
            case JsonArray { Count: 1 } classes when classes[0] is JsonValue name && name.ToString() == CausalArchitecture:
                return ModelFamilies.LLaDA;
            case JsonArray { Count: 1 } classes when classes[0] is JsonValue name
                && ModelFamilies.All.FirstOrDefault(family => family.Architecture == name.ToString()) is { } family:
                return family;
            case var other:
                throw new CheckpointException(path, $"architectures is {other.ToJsonString()}; only {known} are supported");
        }
    }

    private LLaDAConfig LLaDA(ModelFamily family)
    {
        int width = _fields.Size("d_model", "hidden_size");
        int heads = _fields.Size("n_heads", "num_attention_heads");
        bool isMultiQuery = _fields.Flag(false, "multi_query_attention");
        int vocabulary = _fields.Size("vocab_size");
        bool isCausal = _fields.Flag(false, "is_causal");
        _fields.RequireNumber(1, "partial_rotary_factor");
        var config = new LLaDAConfig
        {
            Family = family,
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
            MaskTokenId = 0,
            EosTokenId = 0,
            PadTokenId = 0,
        };
        _fields.Pass("mlp_ratio");      // Of no account beside a width.
        if (_fields.Find("multi_query_attention") is not null && config.NumKeyValueHeads != (isMultiQuery ? 1 : heads))
        {
            string multiQuery = isMultiQuery ? "true" : "false";
            _fields.Refuse($"multi_query_attention is {multiQuery} and n_kv_heads {config.NumKeyValueHeads}, which disagree");
        }
        if (_fields.Find("architectures") is JsonArray { Count: 1 } classes && (classes[0]!.ToString() == CausalArchitecture) != isCausal)
            _fields.Refuse($"architectures is {classes[0]} and is_causal is {(isCausal ? "true" : "false")}, which disagree");
        RequireSameNetwork(width, heads);
        return config;
    }

    /// <summary>The special tokens, from config.json and, where it does not name them, from the files beside it.</summary>
    private LLaDAConfig WithTokens(LLaDAConfig config)
    {
        int[] ends = _fields.Find("eos_token_id") is null ? [.. _files.Ends] : _fields.Sizes("eos_token_id");
        int? mask = _fields.Find("mask_token_id") is null ? _files.Mask : _fields.Size("mask_token_id");
        int? pad = _fields.Find("pad_token_id") is null ? _files.Pad : _fields.OptionalSize("pad_token_id");
        int? endOfTurn = _fields.OptionalSize("eot_token_id");
        if (mask is null)
            RefuseNowhere("mask_token_id");
        if (ends.Length == 0)
            RefuseNowhere("eos_token_id");
        int end = ends.FirstOrDefault();
        var all = config.Family == ModelFamilies.LLaDA ? ends : ends.Concat(_files.Ids("eos_token_id"));
        int[] others = [.. all.Distinct().Where(id => id != end && id != endOfTurn)];
        return config with
        {
            MaskTokenId = mask ?? 0,
            EosTokenId = end,
            OtherEndTokenIds = others.Length == 0 ? [] : others,
            PadTokenId = pad ?? end,
            EotTokenId = endOfTurn,
        };
    }

    private void RefuseNowhere(string field) => _fields.Refuse(
        $"{field} is missing, and neither {TokenFiles.Generation} nor the tokenizer's files beside it name the token: state its id");

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
        FamilyFields.RequireFullLayers(_fields);

        // A window without its switch is in use, as in Mistral's files; with the switch off, the values are leftovers.
        if (_fields.Find("use_sliding_window") is not null)
            _fields.Pass("sliding_window", "max_window_layers");
    }
}
