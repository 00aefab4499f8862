using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Checkpoints;

public sealed class AdapterFilesTests : IDisposable
{
    private static readonly LoraOptions s_options = new()
    {
        Rank = 4,
        Alpha = 8,
        BaseModel = "tiny",
        Targets = ["model.transformer.blocks.*.q_proj", "model.transformer.blocks.1.ff_out"],
    };

    private readonly TemporaryFolder _folder = new();
    private readonly MaskPredictor _model = TinyModel.Random();

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Adapter_is_saved_under_PEFTs_names_and_fields()
    {
        Save();

        using var file = new SafetensorsFile(_folder.File("adapter_model.safetensors"));
        Assert.Equal(
            new (string, long[])[]
            {
                ("base_model.model.model.transformer.blocks.0.q_proj.lora_A.weight", [4, 32]),
                ("base_model.model.model.transformer.blocks.0.q_proj.lora_B.weight", [32, 4]),
                ("base_model.model.model.transformer.blocks.1.ff_out.lora_A.weight", [4, 48]),
                ("base_model.model.model.transformer.blocks.1.ff_out.lora_B.weight", [32, 4]),
                ("base_model.model.model.transformer.blocks.1.q_proj.lora_A.weight", [4, 32]),
                ("base_model.model.model.transformer.blocks.1.q_proj.lora_B.weight", [32, 4]),
            },
            file.Tensors.Values.OrderBy(entry => entry.Name, StringComparer.Ordinal).Select(entry => (entry.Name, entry.Shape)));
        Assert.All(file.Tensors.Values, entry => Assert.Equal(ScalarType.Float32, entry.Type));

        var config = Json();
        string Text(string field) => config[field]!.GetValue<string>();
        Assert.Equal(("LORA", "tiny", "none"), (Text("peft_type"), Text("base_model_name_or_path"), Text("bias")));
        Assert.Equal((4, 8.0), (config["r"]!.GetValue<int>(), config["lora_alpha"]!.GetValue<double>()));
        Assert.Equal(
            ["model.transformer.blocks.0.q_proj", "model.transformer.blocks.1.q_proj", "model.transformer.blocks.1.ff_out"],
            config["target_modules"]!.AsArray().Select(target => target!.GetValue<string>()));
        Assert.False(
            config["use_rslora"]!.GetValue<bool>() || config["use_dora"]!.GetValue<bool>() || config["fan_in_fan_out"]!.GetValue<bool>());
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Model_loaded_with_an_adapter_is_the_merged_one(ScalarType type)
    {
        using var scope = NewDisposeScope();
        Checkpoint.Save(_model, _folder.File("base"));
        Save();
        using var expected = Checkpoint.Load(_folder.File("base"), weightType: type);
        using var lora = new LoraWeights(expected, s_options);
        lora.Load(_folder.Path);
        lora.Merge();

        using var loaded = MergedCheckpoint.Load(_folder.File("base"), _folder.Path, weightType: type);

        foreach (var (name, parameter) in expected.named_parameters())
            TensorAssert.Equal(parameter, loaded.Parameter(name));
        Assert.True(
            TensorAssert.LargestDifference(_model.Parameter("blocks.1.q_proj.weight"), loaded.Parameter("blocks.1.q_proj.weight")) > 0.1);
        TensorAssert.Equal(_model.Parameter("blocks.1.k_proj.weight").to(type), loaded.Parameter("blocks.1.k_proj.weight"));
    }

    [Fact]
    public void Adapter_of_a_converted_copy_is_the_same_adapter()
    {
        using var scope = NewDisposeScope();
        Checkpoint.Save(_model, _folder.File("base"));
        Save();
        using (var file = new SafetensorsFile(_folder.File("adapter_model.safetensors")))
        {
            Directory.CreateDirectory(_folder.File("copy"));
            SafetensorsWriter.Write(_folder.File("copy/adapter_model.safetensors"), [.. file.Tensors.Keys.Select(name => (
                name.Replace("model.transformer.blocks", "model.layers", StringComparison.Ordinal).Replace(
                    "q_proj", "self_attn.q_proj", StringComparison.Ordinal).Replace("ff_out", "mlp.down_proj", StringComparison.Ordinal),
                file.Read(name)))]);
        }
        File.Copy(_folder.File("adapter_config.json"), _folder.File("copy/adapter_config.json"));

        using var expected = MergedCheckpoint.Load(_folder.File("base"), _folder.Path);
        using var loaded = MergedCheckpoint.Load(_folder.File("base"), _folder.File("copy"));

        foreach (var (name, parameter) in expected.named_parameters())
            TensorAssert.Equal(parameter, loaded.Parameter(name));
    }

    [Fact]
    public void Rank_stabilised_adapter_is_scaled_by_the_root_of_its_rank()
    {
        Save();
        Change(json => json["use_rslora"] = true);

        Assert.Equal(8 / Math.Sqrt(4), AdapterConfig.Read(_folder.Path).Scale);
    }

    [Theory]
    [InlineData("peft_type", "\"IA3\"")]
    [InlineData("bias", "\"all\"")]
    [InlineData("use_dora", "true")]
    [InlineData("init_lora_weights", "\"olora\"")]
    [InlineData("fan_in_fan_out", "true")]
    [InlineData("modules_to_save", "[\"wte\"]")]
    [InlineData("rank_pattern", "{\"q_proj\": 8}")]
    [InlineData("alpha_pattern", "{\"q_proj\": 8}")]
    [InlineData("r", "0")]
    [InlineData("r", "4.5")]
    [InlineData("lora_alpha", "-1")]
    public void Adapter_that_means_other_numbers_is_refused_by_the_field(string field, string value)
    {
        Save();
        Change(json => json[field] = JsonNode.Parse(value));

        var exception = Assert.Throws<CheckpointException>(() => AdapterConfig.Read(_folder.Path));

        Assert.Contains(
            $"adapter_config.json {field} is {JsonNode.Parse(value)!.ToJsonString()}, which is not supported", exception.Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[1]")]
    [InlineData("{\"r\": 4, \"r\": 4}")]
    public void Damaged_description_is_refused_by_name(string text)
    {
        Save();
        File.WriteAllText(_folder.File("adapter_config.json"), text);

        Assert.Contains("adapter_config.json is not a description of an adapter", Refusal(), StringComparison.Ordinal);
    }

    [Fact]
    public void Missing_files_are_refused_by_name()
    {
        Save();
        File.Delete(_folder.File("adapter_model.safetensors"));
        Assert.Contains("adapter_model.safetensors is missing", Refusal(), StringComparison.Ordinal);
        File.Delete(_folder.File("adapter_config.json"));
        Assert.Contains("adapter_config.json is missing", Refusal(), StringComparison.Ordinal);
        Assert.Contains(
            "is missing", Assert.Throws<CheckpointException>(() => AdapterConfig.Read(_folder.File("nowhere"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Adapter_that_does_not_fit_the_model_is_refused_tensor_by_tensor()
    {
        using var scope = NewDisposeScope();
        Save();
        const string path = "base_model.model.model.transformer.blocks.0.q_proj.lora_";
        string Refused(params (string Name, Tensor Tensor)[] tensors)
        {
            SafetensorsWriter.Write(_folder.File("adapter_model.safetensors"), tensors);
            return Refusal();
        }

        Assert.Contains($"{path}B.weight is missing", Refused((path + "A.weight", zeros(4, 32))), StringComparison.Ordinal);
        Assert.Contains(
            "should be of a floating-point type and shape [4, 32]",
            Refused((path + "A.weight", zeros(8, 32)), (path + "B.weight", zeros(32, 4))), StringComparison.Ordinal);
        Assert.Contains(
            "should be of a floating-point type and shape [32, 4]",
            Refused((path + "A.weight", zeros(4, 32)), (path + "B.weight", zeros(32, 4, ScalarType.Int64))), StringComparison.Ordinal);
        Assert.Contains(
            "blocks.7.q_proj.lora_A.weight changes nothing that this model has",
            Refused(("base_model.model.model.transformer.blocks.7.q_proj.lora_A.weight", zeros(4, 32))), StringComparison.Ordinal);
        Assert.Contains("it holds no tensor", Refused(), StringComparison.Ordinal);
    }

    [Fact]
    public void Adapter_of_other_rank_targets_or_base_is_not_gone_on_with()
    {
        Save();
        void Refuses(LoraOptions options, string fault)
        {
            using var other = TinyModel.Random();
            using var lora = new LoraWeights(other, options);
            Assert.Contains(fault, Assert.Throws<CheckpointException>(() => lora.Load(_folder.Path)).Message, StringComparison.Ordinal);
        }

        Refuses(s_options with { Rank = 2 }, "holds an adapter of rank 4");
        Refuses(s_options with { Alpha = 4 }, "and alpha 4 beside 3");
        Refuses(s_options with { Targets = null }, "beside 3 projections");
        Refuses(s_options with { BaseModel = "another" }, "holds an adapter of tiny; this one belongs to another");
    }

    private void Save()
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        using var lora = new LoraWeights(_model, s_options);
        foreach (var (_, parameter) in lora.Parameters)
            parameter.fill_(0.5);
        lora.Save(_folder.Path);
    }

    private string Refusal()
    {
        if (!Directory.Exists(_folder.File("base")))
            Checkpoint.Save(_model, _folder.File("base"));
        return Assert.Throws<CheckpointException>(() => MergedCheckpoint.Load(_folder.File("base"), _folder.Path)).Message;
    }

    private JsonObject Json() => JsonNode.Parse(File.ReadAllText(_folder.File("adapter_config.json")))!.AsObject();

    private void Change(Action<JsonObject> change)
    {
        var json = Json();
        change(json);
        File.WriteAllText(_folder.File("adapter_config.json"), json.ToJsonString());
    }
}
