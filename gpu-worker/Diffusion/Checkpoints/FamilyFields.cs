using System.Text.Json.Nodes;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>
/// The fields of config.json in the families whose classes grew out of llama's: sizes by its names, and each family's switches.
/// </summary>
internal static class FamilyFields
{
    public static LLaDAConfig Read(ModelFamily family, ConfigFields fields)
    {
        var common = Common(family, fields);
        return family switch
        {
            _ when family == ModelFamilies.Sdar => Sdar(common, fields),
            _ when family == ModelFamilies.Dream => Dream(common, fields),
            _ when family == ModelFamilies.LLaDAMoE => LLaDAMoE(common, fields),
            _ when family == ModelFamilies.LLaDA2 => LLaDA2(common, fields),
            _ => throw new ArgumentOutOfRangeException(nameof(family), family, null),
        };
    }

    private static LLaDAConfig Common(ModelFamily family, ConfigFields fields)
    {
        int heads = fields.Size("num_attention_heads");
        int vocabulary = fields.Size("vocab_size");
        fields.RequireText("silu", "hidden_act");
        fields.RequireNumber(1, "pretraining_tp");
        foreach (string field in (string[])["mlp_bias", "use_sliding_window", "add_cross_attention"])
            fields.RequireFlag(false, field);
        RequireFullLayers(fields);
        if (fields.Find("use_sliding_window") is not null)
            fields.Pass("sliding_window", "max_window_layers");
        return new LLaDAConfig
        {
            Family = family,
            ModelWidth = fields.Size("hidden_size"),
            NumLayers = fields.Size("num_hidden_layers"),
            NumHeads = heads,
            NumKeyValueHeads = fields.OptionalSize("num_key_value_heads") ?? heads,
            FeedForwardWidth = 0,
            VocabularySize = vocabulary,
            EmbeddingSize = vocabulary,
            MaxSequenceLength = fields.Size("max_position_embeddings"),
            RopeTheta = RotaryFields.Theta(fields),
            RmsNormEpsilon = fields.Number("rms_norm_eps"),
            TiesWeights = fields.Flag(false, "tie_word_embeddings"),
            BlockLength = family.BlockLength is { } usual ? fields.OptionalSize("block_size", "block_length") ?? usual : null,
            MaskTokenId = 0,
            EosTokenId = 0,
            PadTokenId = 0,
        };
    }

    private static LLaDAConfig Sdar(LLaDAConfig common, ConfigFields fields)
    {
        fields.RequireNumber(1, "partial_rotary_factor");
        fields.Pass("fuse_cross_entropy");
        bool hasBias = fields.Flag(false, "attention_bias");
        return common with
        {
            FeedForwardWidth = fields.Size("intermediate_size"),
            HeadWidth = fields.Size("head_dim"),
            HasQkNorm = true,
            HasQkvBias = hasBias,
            HasOutputBias = hasBias,
        };
    }

    private static LLaDAConfig Dream(LLaDAConfig common, ConfigFields fields)
    {
        fields.RequireNumber(1, "partial_rotary_factor");
        fields.RequireFlag(true, "attention_bias");
        fields.RequireNumber(common.NumHeads > 0 ? common.ModelWidth / common.NumHeads : 0, "head_dim");
        return common with { FeedForwardWidth = fields.Size("intermediate_size"), HasQkvBias = true };
    }

    private static LLaDAConfig LLaDAMoE(LLaDAConfig common, ConfigFields fields)
    {
        // Read by the reference and without effect there.
        fields.Pass(
            "norm_topk_prob", "moe_router_score_function", "routed_scaling_factor", "router_num_group", "router_topk_group",
            "output_router_logits", "intermediate_size");
        fields.RequireNumber(common.NumHeads > 0 ? common.ModelWidth / common.NumHeads : 0, "head_dim");
        int[] frequency = fields.Sizes("moe_layer_freq");
        if (frequency.Length != common.NumLayers || frequency.Any(value => value > 1))
            fields.Refuse($"moe_layer_freq must be a list of 0 or 1 for each of the {common.NumLayers} layers");
        int[] dense = [.. frequency.Index().Where(entry => entry.Item == 0).Select(entry => entry.Index)];
        bool hasBias = fields.Flag(false, "attention_bias");
        int? denseWidth = fields.OptionalSize("dense_intermediate_size");
        if (dense.Length > 0 && denseWidth is null)
            fields.Refuse("dense_intermediate_size is missing, and moe_layer_freq has layers without experts");
        return Rotated(common, fields) with
        {
            FeedForwardWidth = denseWidth ?? 0,
            HasQkNorm = fields.Flag(false, "qk_layernorm"),
            HasQkvBias = hasBias,
            HasOutputBias = hasBias,
            ClipQkv = fields.Find("clip_qkv") is null ? null : fields.Number("clip_qkv"),
            Experts = new ExpertConfig
            {
                Router = RouterKind.Softmax,
                NumExperts = fields.Size("num_experts"),
                NumChosen = fields.Size("num_experts_per_tok"),
                Width = fields.Size("expert_intermediate_size"),
                SharedWidth = fields.OptionalSize("shared_expert_intermediate_size") ?? 0,
                HasBias = fields.Flag(false, "moe_router_enable_expert_bias"),
                BalanceWeight = fields.Find("router_aux_loss_coef") is null ? 0 : fields.Number("router_aux_loss_coef"),
                DenseLayers = dense,
            },
        };
    }

    private static LLaDAConfig LLaDA2(LLaDAConfig common, ConfigFields fields)
    {
        // Constant in the reference whatever they say.
        fields.Pass(
            "score_function", "norm_topk_prob", "use_qk_norm", "router_dtype", "moe_router_enable_expert_bias", "output_router_logits",
            "output_dropout", "router_aux_loss_coef");
        foreach (string field in (string[])["norm_head", "norm_softmax", "using_split_qkv_in_self_attention"])
            fields.RequireFlag(false, field);
        fields.RequireFlag(true, "use_rmsnorm");
        fields.RequireNumber(0, "num_nextn_predict_layers");
        fields.Pass("mtp_loss_scaling_factor");

        int width = fields.Size("moe_intermediate_size");
        long sharedWidth = (long)width * (fields.OptionalSize("num_shared_experts") ?? 0);
        if (sharedWidth > int.MaxValue)
            fields.Refuse($"num_shared_experts makes a width of {sharedWidth}");
        fields.RequireNumber(sharedWidth, "moe_shared_expert_intermediate_size");
        int numDense = fields.OptionalSize("first_k_dense_replace") ?? 0;
        if (numDense > common.NumLayers)
            fields.Refuse($"first_k_dense_replace is {numDense} in a model of {common.NumLayers} layers");
        if (fields.OptionalSize("head_dim") is { } headWidth)
            common = common with { HeadWidth = headWidth };
        var config = Rotated(common, fields);
        fields.RequireNumber(config.NumHeads > 0 ? config.RotaryWidth : 0, "rotary_dim");
        return config with
        {
            FeedForwardWidth = fields.Size("intermediate_size"),
            HasQkNorm = true,
            HasQkvBias = fields.Flag(false, "use_qkv_bias"),
            HasOutputBias = fields.Flag(false, "use_bias"),
            Experts = new ExpertConfig
            {
                Router = RouterKind.Sigmoid,
                NumExperts = fields.Size("num_experts"),
                NumChosen = fields.Size("num_experts_per_tok"),
                Width = width,
                SharedWidth = (int)Math.Min(sharedWidth, int.MaxValue),
                HasBias = true,
                NumGroups = fields.Size("n_group"),
                NumChosenGroups = fields.Size("topk_group"),
                Scale = fields.Number("routed_scaling_factor"),
                DenseLayers = [.. Enumerable.Range(0, Math.Min(numDense, common.NumLayers))],
            },
        };
    }

    /// <summary>The same with the share of each head that is rotated, which must be stated.</summary>
    private static LLaDAConfig Rotated(LLaDAConfig config, ConfigFields fields)
    {
        double factor = fields.Number("partial_rotary_factor");
        return config.NumHeads > 0 && factor is > 0 and <= 1
            ? config with { RotaryWidth = (int)(config.HeadWidth * factor) }
            : Refused(config, fields, factor);
    }

    private static LLaDAConfig Refused(LLaDAConfig config, ConfigFields fields, double factor)
    {
        fields.Refuse($"partial_rotary_factor is {factor}; it must be above 0 and at most 1");
        return config;
    }

    public static void RequireFullLayers(ConfigFields fields)
    {
        foreach (var kind in fields.Find("layer_types") as JsonArray ?? [])
        {
            if (kind?.ToString() != "full_attention")
                fields.Refuse($"layer_types names {kind?.ToJsonString()}; only \"full_attention\" is supported");
        }
    }
}
