using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;

namespace LLaDA.Diffusion.PromptTuning;

/// <summary>What adapter_config.json of a prompt tuning adapter says, in the fields of Hugging Face PEFT.</summary>
/// <param name="NumVirtualTokens">num_virtual_tokens, at least 1.</param>
/// <param name="Width">token_dim, D of the model.</param>
/// <param name="BaseModel">The model that the adapter belongs to; null where unknown.</param>
/// <param name="InitialText">The text that the vectors began as; null where they began as other tokens.</param>
internal sealed record PromptConfig(int NumVirtualTokens, int Width, string? BaseModel, string? InitialText)
{
    public const string FileName = "adapter_config.json", PeftType = "PROMPT_TUNING";

    /// <exception cref="CheckpointException">Not an adapter of prompt tuning, or of a kind that this library does not compute.</exception>
    public static PromptConfig Read(string folder)
    {
        string path = Path.Combine(folder, FileName);
        var json = ModelJson.Read(path);
        List<string> errors = [];
        int Size(string field)
        {
            int size = json[field] is JsonValue value && value.TryGetValue(out int number) ? number : 0;
            if (size < 1)
                errors.Add($"{field} is {json[field]?.ToJsonString() ?? "missing"}; it must be at least 1");
            return size;
        }
        string? Text(string field) => json[field] is JsonValue value && value.TryGetValue(out string? text) ? text : null;

        if (Text("peft_type") == "LORA")
        {
            throw new CheckpointException(
                path, "belongs to a LoRA adapter; prompt vectors are not trained beside another adapter: begin with its base model");
        }
        if (Text("peft_type") != PeftType)
            errors.Add($"peft_type is {json["peft_type"]?.ToJsonString() ?? "missing"}; vectors of prompt tuning have {PeftType}");
        var (count, width) = (Size("num_virtual_tokens"), Size("token_dim"));
        if (json["num_transformer_submodules"] is { } submodules && submodules.ToJsonString() != "1")
            errors.Add($"num_transformer_submodules is {submodules.ToJsonString()}; the model is one");
        if (json["modules_to_save"] is { } saved and not JsonArray { Count: 0 })
            errors.Add($"modules_to_save is {saved.ToJsonString()}, which is not supported");
        return errors.Count == 0
            ? new PromptConfig(count, width, Text("base_model_name_or_path"), Text("prompt_tuning_init_text"))
            : throw new CheckpointException(path, string.Join("; ", errors));
    }

    public void Write(string folder)
    {
        var json = new JsonObject
        {
            ["base_model_name_or_path"] = BaseModel,
            ["inference_mode"] = true,
            ["num_attention_heads"] = null,
            ["num_layers"] = null,
            ["num_transformer_submodules"] = 1,
            ["num_virtual_tokens"] = NumVirtualTokens,
            ["peft_type"] = PeftType,
            ["prompt_tuning_init"] = InitialText is null ? "SAMPLE_VOCAB" : "TEXT",
            ["prompt_tuning_init_text"] = InitialText,
            ["task_type"] = "CAUSAL_LM",
            ["token_dim"] = Width,
            // PEFT asks for it where the vectors began as a text.
            ["tokenizer_name_or_path"] = InitialText is null ? null : BaseModel ?? "",
        };
        ModelJson.Write(Path.Combine(folder, FileName), json);
    }
}
