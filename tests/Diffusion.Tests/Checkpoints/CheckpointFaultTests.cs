using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Tests.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Checkpoints;

public sealed class CheckpointFaultTests : IDisposable
{
    private const string Weights = "model.safetensors", Index = "model.safetensors.index.json";
    private const string FirstShard = "model-00001-of-00002.safetensors";

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
        const string norm = "model.transformer.ln_f.weight";
        Write([.. Named().Select(entry => entry.Name == norm ? (norm, ones(32, ScalarType.Int64)) : entry)]);

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
    public void Folder_that_does_not_exist_is_refused() =>
        AssertRefused("absent", "config.json is missing", folder: _folder.File("absent"));

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

    // A 4-bit model.safetensors beside the shards of the whole model: https://github.com/Blaizzy/mlx-vlm/pull/1464.
    [Fact]
    public void Single_file_and_index_of_other_tensors_are_refused_naming_both()
    {
        WriteShards();
        Write([.. Named().Skip(1), ("model.transformer.wte.scales", zeros(1))]);

        AssertRefused(
            "has model.safetensors and model.safetensors.index.json, which disagree about "
            + "model.transformer.wte.scales, model.transformer.wte.weight: remove the stale one");
    }

    // An index that describes another build's shards: https://github.com/sgl-project/sglang/pull/32279.
    [Fact]
    public void Shard_of_an_interrupted_download_is_named()
    {
        WriteShards();
        ChangeIndex(map => map["model.transformer.wte.weight"] = "model-00001-of-00030.safetensors");

        AssertRefused($"{_folder.File("model-00001-of-00030.safetensors")} is missing");
    }

    // An unindexed tensor in a reused shard: https://github.com/1CatAI/1Cat-vLLM/pull/407.
    [Fact]
    public void Tensor_of_a_shard_that_the_index_does_not_name_is_refused()
    {
        WriteShards();
        using var shard = new SafetensorsFile(_folder.File(FirstShard));
        (string, Tensor)[] tensors =
            [.. shard.Tensors.Keys.Select(name => (name, shard.Read(name))), ("model.transformer.experts", zeros(1))];
        SafetensorsWriter.Write(_folder.File(FirstShard), tensors);

        AssertRefused("disagrees with its shards about model.transformer.experts");
    }

    [Fact]
    public void Head_that_differs_from_the_embedding_it_is_tied_to_is_refused()
    {
        using var tied = TinyModel.Random(TinyModel.Config with { TiesWeights = true });
        Checkpoint.Save(tied, _folder.Path);
        SafetensorsWriter.Write(_folder.File(Weights),
            [.. tied.named_parameters().Select(entry => (TensorNames.LLaDA(entry.name), (Tensor)entry.parameter)),
                ("model.transformer.ff_out.weight", tied.Parameter("wte.weight") + 1)]);

        AssertRefused("model.transformer.ff_out.weight differs from model.transformer.wte.weight, to which config.json ties it");
    }

    [Theory]
    [InlineData(Weights)]
    [InlineData(Index)]
    [InlineData("config.json")]
    [InlineData("tokenizer.json")]
    public void Git_LFS_pointer_is_named_with_its_remedy(string file)
    {
        if (file == Index)
            WriteShards();
        else
            Write(Named());
        if (file == "tokenizer.json")
            LLaDAConfigJson.Write(_model.Config with { EotTokenId = null }, _folder.File(Checkpoint.ConfigFile));
        File.WriteAllText(_folder.File(file), "version https://git-lfs.github.com/spec/v1\noid sha256:4fa496bd4b4a\nsize 16060556376\n");

        AssertRefused($"{_folder.File(file)} is a Git LFS pointer, not the file itself: run 'git lfs pull' in its folder");
    }

    [Theory]
    [InlineData("\n<!DOCTYPE html><html>", "is a web page, not the file itself")]
    [InlineData("<html>Access denied</html>", "is a web page, not the file itself")]
    [InlineData("PK\u0003\u0004 archive/data.pkl", "is a zip or PyTorch archive")]
    public void Other_kinds_of_files_are_named(string start, string fault)
    {
        Write(Named());
        File.WriteAllText(_folder.File(Weights), start);

        AssertRefused($"{_folder.File(Weights)} {fault}");
    }

    private (string Name, Tensor Tensor)[] Named() =>
        [.. _model.named_parameters().Select(entry => (TensorNames.LLaDA(entry.name), (Tensor)entry.parameter))];

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
