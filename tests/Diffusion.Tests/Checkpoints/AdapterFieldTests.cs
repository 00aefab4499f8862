using System.Text.Json.Nodes;
using LLaDA.Diffusion.Lora;

namespace LLaDA.Diffusion.Tests.Checkpoints;

/// <summary>The fields of adapter_config.json one by one: what each may hold, and what it may not.</summary>
public sealed class AdapterFieldTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Three_fields_are_enough()
    {
        var config = Read();

        Assert.Equal((4, 8.0, 2.0, null, false), (config.Rank, config.Alpha, config.Scale, config.BaseModel, config.IsRankStabilized));
        Assert.Empty(config.Targets);
    }

    [Theory]
    [InlineData("bias", "\"none\"")]
    [InlineData("bias", "null")]
    [InlineData("use_dora", "false")]
    [InlineData("use_dora", "null")]
    [InlineData("rank_pattern", "{}")]
    [InlineData("modules_to_save", "[]")]
    [InlineData("modules_to_save", "null")]
    [InlineData("init_lora_weights", "true")]
    [InlineData("init_lora_weights", "false")]
    [InlineData("init_lora_weights", "\"gaussian\"")]
    [InlineData("target_modules", "\".*q_proj\"")]
    public void Value_that_changes_no_number_is_accepted(string field, string value) => Assert.Equal(2, Read(field, value).Scale);

    [Theory]
    [InlineData("peft_type", "null")]
    [InlineData("lora_bias", "true")]
    [InlineData("lora_bias", "\"none\"")]
    [InlineData("use_qalora", "true")]
    [InlineData("layer_replication", "[[0, 2]]")]
    [InlineData("trainable_token_indices", "[1]")]
    [InlineData("trainable_token_indices", "{\"wte\": [1]}")]
    [InlineData("modules_to_save", "\"wte\"")]
    [InlineData("init_lora_weights", "\"pissa\"")]
    [InlineData("r", "-1")]
    [InlineData("r", "\"4\"")]
    [InlineData("lora_alpha", "0")]
    [InlineData("lora_alpha", "\"8\"")]
    public void Value_that_means_other_numbers_is_refused(string field, string value)
    {
        string shown = JsonNode.Parse(value)?.ToJsonString() ?? "missing";

        Assert.Equal($"{Path} {field} is {shown}, which is not supported", Refusal(field, value));
    }

    [Fact]
    public void All_fields_that_are_not_supported_are_reported_at_once()
    {
        Write(new JsonObject { ["use_dora"] = true });

        string message = Assert.Throws<CheckpointException>(() => AdapterConfig.Read(_folder.Path)).Message;

        string[] faults = ["peft_type is missing", "use_dora is true", "r is missing", "lora_alpha is missing"];
        Assert.Equal($"{Path} {string.Join("; ", faults.Select(fault => $"{fault}, which is not supported"))}", message);
    }

    [Fact]
    public void Names_and_the_base_model_are_read()
    {
        Assert.Equal(["a", "b"], Read("target_modules", "[\"a\", \"b\"]").Targets);
        Assert.Equal("tiny", Read("base_model_name_or_path", "\"tiny\"").BaseModel);
        Assert.True(Read("use_rslora", "true").IsRankStabilized);
        Assert.False(Read("use_rslora", "false").IsRankStabilized);
    }

    [Fact]
    public void All_fields_of_PEFT_are_written()
    {
        new AdapterConfig(4, 8, ["a"], BaseModel: null, IsRankStabilized: true).Write(_folder.Path);

        var expected = JsonNode.Parse("""
            {
              "alpha_pattern": {}, "base_model_name_or_path": null, "bias": "none", "fan_in_fan_out": false,
              "inference_mode": true, "init_lora_weights": true, "lora_alpha": 8, "lora_dropout": 0,
              "modules_to_save": null, "peft_type": "LORA", "r": 4, "rank_pattern": {}, "target_modules": ["a"],
              "task_type": null, "use_dora": false, "use_rslora": true
            }
            """);
        Assert.True(JsonNode.DeepEquals(expected, JsonNode.Parse(File.ReadAllText(Path))));
    }

    private string Path => _folder.File("adapter_config.json");

    private AdapterConfig Read(string? field = null, string value = "null")
    {
        var json = new JsonObject { ["peft_type"] = "LORA", ["r"] = 4, ["lora_alpha"] = 8 };
        if (field is not null)
            json[field] = JsonNode.Parse(value);
        Write(json);
        return AdapterConfig.Read(_folder.Path);
    }

    private string Refusal(string field, string value) => Assert.Throws<CheckpointException>(() => Read(field, value)).Message;

    private void Write(JsonObject json) => File.WriteAllText(Path, json.ToJsonString());
}
