using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Tests.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Checkpoints;

public sealed class CheckpointFaultTests : IDisposable
{
    private const string Weights = "model.safetensors", Index = "model.safetensors.index.json", FirstShard = "model-00001-of-00002.safetensors";

    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();
    private readonly TemporaryFolder _folder = new();
    private readonly MaskPredictor _model = TinyModel.Random();

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
        _scope.Dispose();
    }

    [Fact]
    public void Missing_tensor_is_named()
    {
        Write([.. Named().Where(entry => entry.Name != "model.transformer.blocks.1.v_proj.bias")]);

        AssertRefused("model.transformer.blocks.1.v_proj.bias is missing");
    }

    [Fact]
    public void Extra_tensor_is_named()
    {
        Write([.. Named(), ("model.transformer.blocks.2.q_proj.weight", zeros(2, 2))]);

        AssertRefused("model.transformer.blocks.2.q_proj.weight is not a tensor of this model");
    }

    [Fact]
    public void Misshapen_tensor_is_named_with_both_shapes()
    {
        Write([.. Named().Select(entry => entry.Name.EndsWith("ln_f.weight", StringComparison.Ordinal) ? (entry.Name, ones(1)) : entry)]);

        AssertRefused("model.transformer.ln_f.weight Float32 [1] should have shape [32]");
    }

    [Fact]
    public void Tensor_of_integers_is_named()
    {
        Write([.. Named().Select(entry => entry.Name.EndsWith("ln_f.weight", StringComparison.Ordinal) ? (entry.Name, ones(32, ScalarType.Int64)) : entry)]);

        AssertRefused("model.transformer.ln_f.weight Int64 [32] should be of a floating-point type");
    }

    [Fact]
    public void All_faults_are_told_at_once_and_the_many_are_counted()
    {
        Write([("first", zeros(1)), ("second", zeros(1))]);

        // 27 parameters are missing and two tensors are too many; ten are listed.
        AssertRefused("model.transformer.wte.weight is missing; ", "; and 19 more");
    }

    [Fact]
    public void Network_too_large_for_its_file_takes_no_memory()
    {
        Write(Named());
        LLaDAConfigJson.Write(LLaDAConfigTests.LLaDA8B, _folder.File(Checkpoint.ConfigFile));

        AssertRefused("should have shape [126464, 4096]");
    }

    [Fact]
    public void Folder_without_weights_is_refused()
    {
        LLaDAConfigJson.Write(_model.Config, _folder.File(Checkpoint.ConfigFile));

        AssertRefused($"{_folder.File(Weights)} is missing");
    }

    [Fact]
    public void Folder_that_does_not_exist_is_refused() => AssertRefused("absent", "config.json is missing", folder: _folder.File("absent"));

    [Fact]
    public void Missing_shard_is_named()
    {
        WriteShards();
        File.Delete(_folder.File(FirstShard));

        AssertRefused($"{_folder.File(FirstShard)} is missing");
    }

    [Theory]
    [InlineData("../model-00001-of-00002.safetensors")]
    [InlineData("/etc/passwd")]
    [InlineData("elsewhere/model-00001-of-00002.safetensors")]
    public void Shard_outside_the_folder_is_not_opened(string shard)
    {
        WriteShards();
        ChangeIndex(map => map["model.transformer.wte.weight"] = shard);

        AssertRefused($"names a shard outside its folder: {shard}");
    }

    [Fact]
    public void Index_that_leaves_out_a_tensor_is_refused()
    {
        WriteShards();
        ChangeIndex(map => map.Remove("model.transformer.wte.weight"));

        AssertRefused("disagrees with its shards about model.transformer.wte.weight");
    }

    [Fact]
    public void Index_that_promises_a_tensor_is_refused()
    {
        WriteShards();
        ChangeIndex(map => map["model.transformer.more.weight"] = FirstShard);

        AssertRefused("disagrees with its shards about model.transformer.more.weight");
    }

    [Fact]
    public void Index_that_puts_a_tensor_into_the_wrong_shard_is_refused()
    {
        WriteShards();
        ChangeIndex(map => map["model.transformer.wte.weight"] = "model-00002-of-00002.safetensors");

        AssertRefused("disagrees with its shards about model.transformer.wte.weight");
    }

    [Fact]
    public void Tensor_in_two_shards_is_named()
    {
        WriteShards();
        SafetensorsWriter.Write(_folder.File(FirstShard), [.. Named()]);

        AssertRefused("which another shard holds as well");
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"weight_map":null}""")]
    [InlineData("""{"weight_map":["a"]}""")]
    [InlineData("""{"weight_map":{"a":7}}""")]
    [InlineData("""{"weight_map":{"a":null}}""")]
    [InlineData("""{"weight_map":{"a":"b","a":"c"}}""")]
    public void Index_that_is_none_is_refused(string index)
    {
        WriteShards();
        File.WriteAllText(_folder.File(Index), index);

        AssertRefused($"{_folder.File(Index)} is not an index of weights");
    }

    private (string Name, Tensor Tensor)[] Named() => [.. _model.named_parameters().Select(entry => (TensorNames.LLaDA(entry.name), (Tensor)entry.parameter))];

    private void Write((string, Tensor)[] tensors)
    {
        LLaDAConfigJson.Write(_model.Config, _folder.File(Checkpoint.ConfigFile));
        SafetensorsWriter.Write(_folder.File(Weights), tensors);
    }

    private void WriteShards()
    {
        Checkpoint.Save(_model, _folder.Path, maxShardBytes: 3 * _model.Config.NumParameters);
        Assert.Equal(2, Directory.GetFiles(_folder.Path, "*.safetensors").Length);
    }

    private void ChangeIndex(Action<JsonObject> change)
    {
        var index = JsonNode.Parse(File.ReadAllText(_folder.File(Index)))!;
        change(index["weight_map"]!.AsObject());
        File.WriteAllText(_folder.File(Index), index.ToJsonString());
    }

    private void AssertRefused(params ReadOnlySpan<string> faults) => AssertRefused(_folder.Path, faults);

    private static void AssertRefused(string fault, string otherFault, string folder) => AssertRefused(folder, [fault, otherFault]);

    private static void AssertRefused(string folder, ReadOnlySpan<string> faults)
    {
        long made = LiveTensors.NumMade;
        var exception = Assert.Throws<CheckpointException>(() => Checkpoint.Load(folder));
        foreach (string fault in faults)
            Assert.Contains(fault, exception.Message, StringComparison.Ordinal);
        Assert.Equal(made, LiveTensors.NumMade);
    }
}
