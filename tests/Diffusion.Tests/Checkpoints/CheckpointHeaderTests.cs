using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;

namespace LLaDA.Diffusion.Tests.Checkpoints;

/// <summary>What is known of a checkpoint without its weights.</summary>
public sealed class CheckpointHeaderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly MaskPredictor _model = TinyModel.Random();

    public void Dispose()
    {
        _model.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Check_reads_the_configuration_and_makes_no_tensor()
    {
        Checkpoint.Save(_model, _folder.Path);
        long made = LiveTensors.NumMade;

        Assert.Equal(_model.Config, Checkpoint.Check(_folder.Path));
        Assert.Equal(made, LiveTensors.NumMade);
    }

    [Fact]
    public void Check_refuses_weights_that_do_not_fit_and_closes_the_files()
    {
        Checkpoint.Save(_model, _folder.Path);
        LLaDAConfigJson.Write(_model.Config with { NumLayers = 3 }, _folder.File(Checkpoint.ConfigFile));

        Assert.Contains("model.transformer.blocks.2.attn_norm.weight is missing", Assert.Throws<CheckpointException>(() => Checkpoint.Check(_folder.Path)).Message, StringComparison.Ordinal);
        using var alone = new FileStream(_folder.File("model.safetensors"), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        Assert.True(alone.CanWrite);
    }

    [Fact]
    public void Index_names_the_shard_of_every_tensor_and_the_size_of_all()
    {
        Checkpoint.Save(_model, _folder.Path, maxShardBytes: 12_000);

        var index = JsonNode.Parse(File.ReadAllText(_folder.File("model.safetensors.index.json")))!;
        Assert.Equal(4 * _model.Config.NumParameters, index["metadata"]!["total_size"]!.GetValue<long>());
        Assert.Equal(_model.named_parameters().Select(entry => TensorNames.LLaDA(entry.name)), index["weight_map"]!.AsObject().Select(entry => entry.Key));
        foreach (var shard in index["weight_map"]!.AsObject().GroupBy(entry => entry.Value!.GetValue<string>()))
        {
            using var file = new SafetensorsFile(_folder.File(shard.Key));
            Assert.Equal(shard.Select(entry => entry.Key).Order(), file.Tensors.Keys.Order());
        }
    }

    [Fact]
    public void Shards_are_filled_up_to_their_size_and_no_further()
    {
        long all = 4 * _model.Config.NumParameters;

        Checkpoint.Save(_model, _folder.File("one"), maxShardBytes: all);
        Checkpoint.Save(_model, _folder.File("two"), maxShardBytes: all - 1);

        Assert.Equal(["model.safetensors"], Weights("one"));
        Assert.Equal(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], Weights("two"));
    }

    private IEnumerable<string?> Weights(string folder) => Directory.GetFiles(_folder.File(folder), "*.safetensors").Select(Path.GetFileName).Order();
}
