using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Families;

/// <summary>Checkpoints that cannot be computed are refused by what is wrong, before memory is taken for them.</summary>
public sealed class FaultTests : IDisposable
{
    private const string Weights = "model.safetensors";

    private readonly List<TemporaryFolder> _folders = [];

    public void Dispose() => _folders.ForEach(folder => folder.Dispose());

    [Theory]
    [InlineData("sdar-untied", "architectures", "[\"SDARMoeForCausalLM\"]", "architectures is [\"SDARMoeForCausalLM\"]; only LLaDAModelLM")]
    [InlineData("sdar-untied", "architectures", "null", "model_type is \"sdar\" and architectures is missing; only LLaDAModelLM")]
    [InlineData("sdar-untied", "rope_scaling", "{\"rope_type\": \"yarn\"}", "rope_scaling.rope_type is \"yarn\", which is not supported")]
    [InlineData("sdar-untied", "layer_types", "[\"sliding_attention\"]", "layer_types names \"sliding_attention\"")]
    [InlineData("sdar-untied", "hidden_act", "\"gelu\"", "hidden_act is \"gelu\"; only \"silu\" is supported")]
    [InlineData("sdar-untied", "head_dim", "null", "head_dim is missing")]
    [InlineData("sdar-untied", "head_dim", "13", "must split into 6 heads of even width")]
    [InlineData("sdar-untied", "num_experts", "128", "num_experts is 128, which is not supported")]
    [InlineData("sdar-untied", "block_size", "0", "block_length is 0; it must be at least 1")]
    [InlineData("sdar-untied", "use_sliding_window", "true", "use_sliding_window is true, which is not supported")]
    [InlineData("dream", "head_dim", "16", "head_dim is 16; only 12 is supported")]
    [InlineData("dream", "attention_bias", "false", "attention_bias is false, which is not supported")]
    [InlineData("dream", "block_size", "32", "block_size is 32, which is not supported")]
    [InlineData("dream", "vocab_size", "120", "mask_token_id is 128; it must lie in [0, 120)")]
    [InlineData("llada-moe", "moe_layer_freq", "[1, 1]", "moe_layer_freq must be a list of 0 or 1 for each of the 3 layers")]
    [InlineData("llada-moe", "partial_rotary_factor", "null", "partial_rotary_factor must be a number")]
    [InlineData("llada-moe", "partial_rotary_factor", "-1.0", "partial_rotary_factor is -1; it must be above 0 and at most 1")]
    [InlineData("llada-moe", "num_experts_per_tok", "9", "num_experts_per_tok is 9; it must be at least 1 and at most num_experts, 8")]
    [InlineData("llada-moe", "clip_qkv", "-2.0", "clip_qkv is -2; it must be positive")]
    [InlineData("llada2", "n_group", "3", "n_group must divide num_experts")]
    [InlineData("llada2", "topk_group", "5", "topk_group lie between 1 and n_group")]
    [InlineData("llada2", "num_experts_per_tok", "12", "num_experts_per_tok is 12, more than the experts of 2 groups")]
    [InlineData("llada2", "rotary_dim", "16", "rotary_dim is 16; only 8 is supported")]
    [InlineData("llada2", "norm_head", "true", "norm_head is true, which is not supported")]
    [InlineData("llada2", "first_k_dense_replace", "4", "first_k_dense_replace is 4 in a model of 3 layers")]
    [InlineData("llada2", "num_nextn_predict_layers", "1", "num_nextn_predict_layers is 1; only 0 is supported")]
    [InlineData("llada2", "n_experts_of_another_kind", "4", "n_experts_of_another_kind is 4, which is not supported")]
    public void Field_is_refused_by_name(string name, string field, string value, string fault)
    {
        var folder = Changed(name, json => json[field] = JsonNode.Parse(value));

        AssertRefused(folder, fault);
    }

    [Theory]
    [InlineData("sdar-untied", "head_dim", 14, "should have shape [84, 40]")]
    [InlineData("llada2", "num_experts", 8, "model.layers.1.mlp.gate.weight Float32 [16, 48] should have shape [8, 48]")]
    [InlineData("llada2", "num_experts", 32, "model.layers.1.mlp.experts.16.gate_proj.weight is missing")]
    [InlineData("llada2", "moe_intermediate_size", 24, "should have shape [24, 48]")]
    public void Sizes_that_do_not_fit_the_tensors_are_refused(string name, string field, int value, string fault) =>
        AssertRefused(Changed(name, json => json[field] = value), fault);

    [Fact]
    public void Expert_that_is_missing_is_named() => AssertRefused(
        WithTensors("llada2", tensors => tensors.Remove("model.layers.2.mlp.experts.7.up_proj.weight")),
        "model.layers.2.mlp.experts.7.up_proj.weight is missing");

    [Fact]
    public void Expert_too_many_is_named() => AssertRefused(
        WithTensors("llada2", tensors =>
            tensors["model.layers.2.mlp.experts.16.up_proj.weight"] = tensors["model.layers.2.mlp.experts.7.up_proj.weight"]),
        "model.layers.2.mlp.experts.16.up_proj.weight is not a tensor of this model");

    [Fact]
    public void Stacked_experts_beside_single_ones_are_refused() => AssertRefused(
        WithTensors("llada2", tensors => tensors["model.layers.1.mlp.experts.up_proj"] = zeros(16, 20, 48)),
        "holds experts stacked, as model.layers.1.mlp.experts.up_proj, and one by one, as model.layers.1.mlp.experts.0.gate_proj.weight");

    [Theory]
    [InlineData("mask_token_id")]
    [InlineData("eos_token_id")]
    public void Token_that_no_file_names_is_refused(string field)
    {
        var folder = Changed("llada2", json => json.Remove(field));

        AssertRefused(folder, $"{field} is missing, and neither generation_config.json nor the tokenizer's files beside it name the token");
    }

    [Theory]
    [InlineData("generation_config.json", """{"mask_token_id": 139, "eos_token_id": [134, 130]}""")]
    [InlineData("added_tokens.json", """{"<|mask|>": 139, "<|endoftext|>": 134}""")]
    [InlineData(
        "tokenizer_config.json",
        """
        {"added_tokens_decoder": {"139": {"content": "<|other|>"}, "134": {"content": "<end>"}}, "mask_token": "<|other|>",
         "eos_token": {"content": "<end>"}}
        """)]
    [InlineData("tokenizer.json", """{"added_tokens": [{"id": 139, "content": "<|mask|>"}, {"id": 134, "content": "<end>"}]}""")]
    public void Tokens_are_found_beside_the_configuration(string file, string content)
    {
        var folder = Changed("llada2", json =>
        {
            json.Remove("mask_token_id");
            json.Remove("eos_token_id");
        });
        File.WriteAllText(folder.File(file), content);
        if (!content.Contains("eos_token", StringComparison.Ordinal))
            File.WriteAllText(folder.File("tokenizer_config.json"), """{"eos_token": "<|endoftext|>"}""");
        if (file == "tokenizer.json")
            File.WriteAllText(folder.File("tokenizer_config.json"), """{"eos_token": "<end>"}""");

        var config = Checkpoint.Check(folder.Path);

        Assert.Equal((139, 134), (config.MaskTokenId, config.EosTokenId));
    }

    [Fact]
    public void Ends_of_the_generation_are_ends_and_the_configurations_comes_first()
    {
        using var golden = new GoldenFolder("sdar-tied");

        var config = Checkpoint.Check(golden.Path);

        Assert.Equal((117, 111, 111), (config.MaskTokenId, config.EosTokenId, config.PadTokenId));
        Assert.Equal([111, 113], config.EndTokenIds);
        using var model = Checkpoint.Load(golden.Path);
        Assert.Equal(113, model.Config.EotTokenId);
        Assert.Equal([111, 113], model.Config.EndTokenIds);
    }

    [Fact]
    public void File_with_tokens_that_is_no_JSON_is_named()
    {
        var folder = Changed("llada2", json => json.Remove("mask_token_id"));
        File.WriteAllText(folder.File("generation_config.json"), "{");

        AssertRefused(folder, "generation_config.json is not a JSON object");
    }

    private static void AssertRefused(TemporaryFolder folder, string fault)
    {
        Assert.Contains(fault, Assert.Throws<CheckpointException>(() => Checkpoint.Check(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains(fault, Assert.Throws<CheckpointException>(() => Checkpoint.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    private TemporaryFolder Changed(string name, Action<JsonObject> change)
    {
        using var golden = new GoldenFolder(name);
        var folder = golden.Complete();
        _folders.Add(folder);
        var json = JsonNode.Parse(File.ReadAllText(folder.File(Checkpoint.ConfigFile)))!.AsObject();
        change(json);
        File.WriteAllText(folder.File(Checkpoint.ConfigFile), json.ToJsonString());
        return folder;
    }

    private TemporaryFolder WithTensors(string name, Action<Dictionary<string, Tensor>> change)
    {
        using var scope = NewDisposeScope();
        var folder = Changed(name, _ => { });
        using var file = new SafetensorsFile(folder.File(Weights));
        var tensors = file.Tensors.Keys.ToDictionary(tensor => tensor, file.Read);
        change(tensors);
        File.Delete(folder.File(Weights));
        SafetensorsWriter.Write(folder.File(Weights), [.. tensors.Select(entry => (entry.Key, entry.Value))]);
        return folder;
    }
}
