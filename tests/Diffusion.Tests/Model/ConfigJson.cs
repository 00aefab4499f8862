using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Tests.Model;

/// <summary>Files <c>config.json</c> of the tiny model, and changed ones.</summary>
internal static class ConfigJson
{
    public const string LlamaStyle =
        """
        {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 48,
         "vocab_size": 40, "embedding_size": 44, "max_position_embeddings": 64, "rope_theta": 10000.0, "rms_norm_eps": 1e-05,
         "attention_bias": true, "tie_word_embeddings": false, "hidden_act": "silu", "mask_token_id": 39, "eos_token_id": 36,
         "pad_token_id": 37, "eot_token_id": 38, "model_type": "llada"}
        """;

    public static LLaDAConfig Changed(Action<JsonObject> change) => Read(path => WriteChanged(path, change));

    public static LLaDAConfig Read(string json) => Read(path => File.WriteAllText(path, json));

    public static LLaDAConfig Read(Action<string> write)
    {
        using var folder = new TemporaryFolder();
        write(folder.File("config.json"));
        return LLaDAConfigJson.Read(folder.File("config.json"));
    }

    public static void AssertRefused(Action<JsonObject> change, params ReadOnlySpan<string> faults)
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
