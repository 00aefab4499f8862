using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>config.json in the fields of GSAI-ML/LLaDA; also reads the llama-style fields of converted copies.</summary>
/// <remarks>Nothing is taken from class defaults: a missing size is an error, since the defaults of the original class describe another model.</remarks>
public static class LLaDAConfigJson
{
    /// <exception cref="CheckpointException">Not JSON, a size missing or out of range, or an architecture that this library does not compute.</exception>
    public static LLaDAConfig Read(string path)
    {
        JsonObject json;
        try
        {
            var options = new JsonDocumentOptions { AllowDuplicateProperties = false };
            json = JsonNode.Parse(File.ReadAllText(path), documentOptions: options) as JsonObject ?? throw new JsonException("not an object");
        }
        catch (IOException exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException(path, "is missing");
        }
        catch (JsonException exception)
        {
            throw new CheckpointException(path, $"is not a JSON object: {exception.Message}");
        }
        return new Reader(json, path).Read();
    }

    /// <summary>Writes all fields that the reference class reads, so that the folder loads there as well. A causal network names another class, since that one would attend to everything.</summary>
    public static void Write(LLaDAConfig config, string path, string torchType = "float32")
    {
        var json = new JsonObject
        {
            ["activation_type"] = "silu",
            ["alibi"] = false,
            ["alibi_bias_max"] = 8.0,
            ["architectures"] = new JsonArray("LLaDAModelLM"),
            ["attention_dropout"] = 0.0,
            ["attention_layer_norm"] = false,
            ["attention_layer_norm_with_affine"] = true,
            ["bias_for_layer_norm"] = false,
            ["block_group_size"] = 1,
            ["block_type"] = "llama",
            ["d_model"] = config.ModelWidth,
            ["embedding_dropout"] = 0.0,
            ["embedding_size"] = config.EmbeddingSize,
            ["eos_token_id"] = config.EosTokenId,
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
            ["model_type"] = "llada",
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
        File.WriteAllText(path, json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    private sealed class Reader(JsonObject json, string path)
    {
        private readonly List<string> _errors = [];

        public LLaDAConfig Read()
        {
            RefuseOtherArchitectures();
            int width = Size("d_model", "hidden_size");
            int heads = Size("n_heads", "num_attention_heads");
            bool isMultiQuery = Flag(false, "multi_query_attention");
            int vocabulary = Size("vocab_size");
            int eos = Size("eos_token_id");
            var config = new LLaDAConfig
            {
                ModelWidth = width,
                NumLayers = Size("n_layers", "num_hidden_layers"),
                NumHeads = heads,
                NumKeyValueHeads = OptionalSize("n_kv_heads", "num_key_value_heads") ?? (isMultiQuery ? 1 : heads),
                FeedForwardWidth = OptionalSize("mlp_hidden_size", "intermediate_size") ?? Multiple(width, "mlp_ratio"),
                VocabularySize = vocabulary,
                EmbeddingSize = OptionalSize("embedding_size") ?? vocabulary,
                MaxSequenceLength = Size("max_sequence_length", "max_position_embeddings"),
                RopeTheta = Number("rope_theta"),
                RmsNormEpsilon = Number("rms_norm_eps"),
                HasQkvBias = Flag(false, "include_qkv_bias", "attention_bias"),
                TiesWeights = Flag(false, "weight_tying", "tie_word_embeddings"),
                IsCausal = Flag(false, "is_causal"),
                MaskTokenId = Size("mask_token_id"),
                EosTokenId = eos,
                PadTokenId = OptionalSize("pad_token_id") ?? eos,
                EotTokenId = OptionalSize("eot_token_id"),
            };
            if (_errors.Count == 0)
                _errors.AddRange(config.Validate());
            return _errors.Count == 0 ? config : throw new CheckpointException(path, string.Join("; ", _errors));
        }

        /// <summary>Fields whose other values mean another network: computing on would give wrong numbers without a word.</summary>
        private void RefuseOtherArchitectures()
        {
            RequireText("llama", "block_type");
            RequireText("rms", "layer_norm_type");
            RequireText("silu", "activation_type", "hidden_act");
            RequireFlag(true, "rope");
            RequireFlag(true, "layer_norm_with_affine");
            RequireFlag(true, "rope_full_precision");
            foreach (var field in new[] { "alibi", "attention_layer_norm", "bias_for_layer_norm", "include_bias", "input_emb_norm", "mlp_bias", "scale_logits" })
                RequireFlag(false, field);
            foreach (var field in new[] { "clip_qkv", "rope_scaling" })
            {
                if (Find([field]) is { } value)
                    _errors.Add($"{field} is {value.ToJsonString()}, which is not supported");
            }
        }

        private void RequireText(string expected, params ReadOnlySpan<string> names)
        {
            if (Find(names) is { } value && value.ToString() != expected)
                _errors.Add($"{names[0]} is \"{value}\"; only \"{expected}\" is supported");
        }

        private void RequireFlag(bool expected, string name)
        {
            if (Flag(expected, name) != expected)
                _errors.Add($"{name} is {(expected ? "false" : "true")}, which is not supported");
        }

        private int Size(params ReadOnlySpan<string> names)
        {
            if (OptionalSize(names) is { } size)
                return size;
            if (Find(names) is null)
                _errors.Add($"{names[0]} is missing");
            return 0;
        }

        private int? OptionalSize(params ReadOnlySpan<string> names)
        {
            if (Find(names) is not { } value)
                return null;
            if (value is JsonValue number && number.TryGetValue(out int size) && size >= 0)
                return size;
            _errors.Add($"{names[0]} must be a non-negative integer, not {value.ToJsonString()}");
            return null;
        }

        private int Multiple(int width, string ratio)
        {
            long size = (long)width * Size(ratio);
            if (size <= int.MaxValue)
                return (int)size;
            _errors.Add($"{ratio} makes a width of {size}");
            return 0;
        }

        private double Number(string name)
        {
            if (Find([name]) is JsonValue value && value.TryGetValue(out double number))
                return number;
            _errors.Add($"{name} must be a number");
            return 0;
        }

        private bool Flag(bool absent, params ReadOnlySpan<string> names)
        {
            if (Find(names) is not { } value)
                return absent;
            if (value is JsonValue flag && flag.TryGetValue(out bool holds))
                return holds;
            _errors.Add($"{names[0]} must be true or false, not {value.ToJsonString()}");
            return absent;
        }

        private JsonNode? Find(ReadOnlySpan<string> names)
        {
            foreach (var name in names)
            {
                if (json[name] is { } value)
                    return value;
            }
            return null;
        }
    }
}
