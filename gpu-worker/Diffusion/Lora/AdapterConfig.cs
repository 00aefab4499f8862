using System.Text.Json;
using System.Text.Json.Nodes;

namespace LLaDA.Diffusion.Lora;

/// <summary>What adapter_config.json of a LoRA adapter says, in the fields of Hugging Face PEFT.</summary>
/// <param name="Rank">r.</param>
/// <param name="Targets">
/// Full paths of the modules, such as <c>model.transformer.blocks.0.q_proj</c>; PEFT takes a path as a name that fits one module alone.
/// </param>
/// <param name="BaseModel">The model that the adapter belongs to; null where unknown.</param>
/// <param name="IsRankStabilized">Scales by alpha / sqrt(r) instead of alpha / r.</param>
public sealed record AdapterConfig(int Rank, double Alpha, IReadOnlyList<string> Targets, string? BaseModel, bool IsRankStabilized = false)
{
    public const string FileName = "adapter_config.json";

    public double Scale => IsRankStabilized ? Alpha / Math.Sqrt(Rank) : Alpha / Rank;

    /// <exception cref="CheckpointException">Not a LoRA adapter, or of a kind that this library does not compute.</exception>
    public static AdapterConfig Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        try
        {
            var options = new JsonDocumentOptions { AllowDuplicateProperties = false };
            var json = JsonNode.Parse(File.ReadAllText(path), documentOptions: options) as JsonObject
                ?? throw new JsonException("not an object");
            return Read(json, path);
        }
        catch (IOException exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException(path, "is missing");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or FormatException)
        {
            throw new CheckpointException(path, $"is not a description of an adapter: {exception.Message}");
        }
    }

    public void Write(string folder)
    {
        var json = new JsonObject
        {
            ["alpha_pattern"] = new JsonObject(),
            ["base_model_name_or_path"] = BaseModel,
            ["bias"] = "none",
            ["fan_in_fan_out"] = false,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["lora_alpha"] = Alpha,
            ["lora_dropout"] = 0.0,
            ["modules_to_save"] = null,
            ["peft_type"] = "LORA",
            ["r"] = Rank,
            ["rank_pattern"] = new JsonObject(),
            ["target_modules"] = new JsonArray([.. Targets.Select(target => JsonValue.Create(target))]),
            ["task_type"] = null,
            ["use_dora"] = false,
            ["use_rslora"] = IsRankStabilized,
        };
        File.WriteAllText(Path.Combine(folder, FileName), json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
    }

    private static string Target(JsonNode? name) =>
        name is JsonValue value && value.TryGetValue(out string? text) ? text : throw new FormatException("target_modules must list names");

    private static AdapterConfig Read(JsonObject json, string path)
    {
        List<string> errors = [];
        void Require(bool holds, string field)
        {
            if (!holds)
                errors.Add($"{field} is {json[field]?.ToJsonString() ?? "missing"}, which is not supported");
        }
        bool IsEmpty(string field) => json[field] is null or JsonArray { Count: 0 } or JsonObject { Count: 0 };
        bool IsFalse(string field) => json[field] is null || json[field]!.GetValueKind() == JsonValueKind.False;

        if (json["peft_type"]?.ToString() == "PROMPT_TUNING")
        {
            throw new CheckpointException(
                path, "belongs to vectors of prompt tuning, which stand before the tokens of a row and cannot be merged into weights");
        }
        Require(json["peft_type"]?.ToString() == "LORA", "peft_type");
        Require(json["bias"]?.ToString() is null or "none", "bias");
        // Each of these means other numbers than W + scale B A.
        foreach (string field in new[] { "fan_in_fan_out", "use_dora", "lora_bias", "use_qalora" })
            Require(IsFalse(field), field);
        string[] empty = ["modules_to_save", "rank_pattern", "alpha_pattern", "layer_replication", "trainable_token_indices"];
        foreach (string field in empty)
            Require(IsEmpty(field), field);
        // Others, such as olora and pissa, train beside a base that they changed.
        Require(json["init_lora_weights"]?.ToString() is null or "true" or "false" or "gaussian", "init_lora_weights");
        int rank = json["r"] is JsonValue r && r.TryGetValue(out int integer) ? integer : 0;
        double alpha = json["lora_alpha"] is JsonValue a && a.TryGetValue(out double number) ? number : 0;
        Require(rank > 0, "r");
        Require(double.IsFinite(alpha) && alpha > 0, "lora_alpha");
        if (errors.Count > 0)
            throw new CheckpointException(path, string.Join("; ", errors));

        // A single pattern, or names that fit the ends of paths, say less than the tensors do: those decide.
        string[] targets = json["target_modules"] is JsonArray names ? [.. names.Select(Target)] : [];
        return new AdapterConfig(rank, alpha, targets, json["base_model_name_or_path"]?.ToString(), !IsFalse("use_rslora"));
    }
}
