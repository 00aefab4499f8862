using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Checkpoints;

public sealed class CheckpointTests
{
    private const string Weights = "model.safetensors", Index = "model.safetensors.index.json";

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void Saved_network_loads_to_the_same_logits_and_saves_to_the_same_bytes(bool tiesWeights, bool hasBias)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random(TinyModel.Config with { TiesWeights = tiesWeights, HasQkvBias = hasBias });

        Checkpoint.Save(model, folder.File("one"));
        using var loaded = Checkpoint.Load(folder.File("one"));
        Checkpoint.Save(loaded, folder.File("two"));

        Assert.Equal(model.Config, loaded.Config);
        TensorAssert.Equal(Logits(model), Logits(loaded));
        foreach (string file in new[] { Weights, Checkpoint.ConfigFile })
            Assert.Equal(File.ReadAllBytes(folder.File($"one/{file}")), File.ReadAllBytes(folder.File($"two/{file}")));
    }

    [Fact]
    public void End_of_turn_comes_from_the_tokenizer_where_the_config_does_not_name_it()
    {
        using var folder = new TemporaryFolder();
        using (var model = TinyModel.Random(TinyModel.Config with { EotTokenId = null }))
            Checkpoint.Save(model, folder.Path);

        using (var without = Checkpoint.Load(folder.Path))
            Assert.Null(without.Config.EotTokenId);
        (string Tokens, int? Expected)[] cases =
        [
            ("""{"id":38,"content":"<|eot_id|>"}""", 38),
            ("""{"id":38,"content":"<|other|>"}""", null),
            ("""{"id":44,"content":"<|eot_id|>"}""", null),
        ];
        foreach (var (tokens, expected) in cases)
        {
            File.WriteAllText(folder.File("tokenizer.json"), $$"""{"added_tokens":[{{tokens}}]}""");
            using var loaded = Checkpoint.Load(folder.Path);
            Assert.Equal(expected, loaded.Config.EotTokenId);
        }
        File.WriteAllText(folder.File("tokenizer.json"), "{}");
        Assert.Contains(
            "tokenizer.json does not list its added tokens", Assert.Throws<CheckpointException>(() => Checkpoint.Load(folder.Path)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Shards_load_to_the_same_logits_and_hold_what_their_index_says()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random();

        Checkpoint.Save(model, folder.Path, maxShardBytes: 12_000);
        using var loaded = Checkpoint.Load(folder.Path);

        string[] shards = [.. Directory.GetFiles(folder.Path, "*.safetensors").Order()];
        Assert.True(shards.Length > 2);
        Assert.Equal(folder.File($"model-00001-of-{shards.Length:D5}.safetensors"), shards[0]);
        Assert.All(shards, shard => Assert.InRange(new FileInfo(shard).Length, 1, 12_000 + 2_000));
        TensorAssert.Equal(Logits(model), Logits(loaded));
    }

    [Fact]
    public void Saving_in_another_layout_leaves_nothing_that_contradicts_it()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var first = TinyModel.Random(seed: 1);
        using var second = TinyModel.Random(seed: 2);
        using var third = TinyModel.Random(seed: 3);

        Checkpoint.Save(first, folder.Path);
        Checkpoint.Save(second, folder.Path, maxShardBytes: 12_000);
        using (var loaded = Checkpoint.Load(folder.Path))
            TensorAssert.Equal(Logits(second), Logits(loaded));
        Assert.False(File.Exists(folder.File(Weights)));

        Checkpoint.Save(third, folder.Path);
        using (var loaded = Checkpoint.Load(folder.Path))
            TensorAssert.Equal(Logits(third), Logits(loaded));
        Assert.False(File.Exists(folder.File(Index)));
    }

    [Fact]
    public void Single_file_is_loaded_before_an_index_of_stale_shards()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var stale = TinyModel.Random(seed: 1);
        using var model = TinyModel.Random(seed: 2);
        Checkpoint.Save(model, folder.Path);
        File.Move(folder.File(Weights), folder.File("kept"));
        Checkpoint.Save(stale, folder.Path, maxShardBytes: 12_000);
        File.Move(folder.File("kept"), folder.File(Weights));

        foreach (string shard in (string[])[.. Directory.GetFiles(folder.Path, "model-*"), ""])
        {
            using var loaded = Checkpoint.Load(folder.Path);
            TensorAssert.Equal(Logits(model), Logits(loaded));
            if (shard.Length > 0)
                File.Delete(shard);
        }
    }

    [Fact]
    public void Index_that_maps_to_the_single_file_is_followed()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random();
        Checkpoint.Save(model, folder.Path);
        var map = new JsonObject(
            model.named_parameters().Select(entry => KeyValuePair.Create(TensorNames.LLaDA(entry.name), (JsonNode?)Weights)));
        File.WriteAllText(folder.File(Index), new JsonObject { ["weight_map"] = map }.ToJsonString());

        using var loaded = Checkpoint.Load(folder.Path);

        TensorAssert.Equal(Logits(model), Logits(loaded));
    }

    // Overlays replace tensors of earlier shards through the index alone: https://github.com/JustVugg/colibri/issues/1479.
    [Fact]
    public void Tensor_in_two_shards_is_read_from_the_one_that_the_index_names()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random(seed: 1);
        using var superseded = TinyModel.Random(seed: 2);
        Checkpoint.Save(model, folder.Path, maxShardBytes: 3 * model.Config.NumParameters);
        string[] shards = [.. Directory.GetFiles(folder.Path, "model-*").Order()];
        (string Name, Tensor Tensor)[] tensors;
        using (var own = new SafetensorsFile(shards[0]))
        {
            tensors = [.. own.Tensors.Keys.Select(name => (name, own.Read(name)))];
        }
        var stale = superseded.named_parameters().Select(entry => (TensorNames.LLaDA(entry.name), (Tensor)entry.parameter))
            .ExceptBy(tensors.Select(entry => entry.Name), entry => entry.Item1);
        SafetensorsWriter.Write(shards[0], [.. tensors, .. stale]);

        using var loaded = Checkpoint.Load(folder.Path);

        TensorAssert.Equal(Logits(model), Logits(loaded));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Tied_head_and_derived_buffers_in_the_file_change_nothing(bool isLlama)
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random(TinyModel.Config with { TiesWeights = true });
        Func<string, string> dialect = isLlama ? TensorNames.Llama : TensorNames.LLaDA;
        LLaDAConfigJson.Write(model.Config, folder.File(Checkpoint.ConfigFile));
        SafetensorsWriter.Write(folder.File(Weights),
            [.. model.named_parameters().Select(entry => (dialect(entry.name), (Tensor)entry.parameter)),
                (dialect("ff_out.weight"), model.Parameter("wte.weight")),
                ("model.layers.0.self_attn.rotary_emb.inv_freq", arange(4)), ("model.rotary_emb.inv_freq", arange(4))]);

        using var loaded = Checkpoint.Load(folder.Path);

        TensorAssert.Equal(Logits(model), Logits(loaded));
    }

    [Fact]
    public void Llama_names_load_to_the_same_logits()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random();
        LLaDAConfigJson.Write(model.Config, folder.File(Checkpoint.ConfigFile));
        SafetensorsWriter.Write(
            folder.File(Weights), [.. model.named_parameters().Select(entry => (TensorNames.Llama(entry.name), (Tensor)entry.parameter))]);

        using var loaded = Checkpoint.Load(folder.Path);

        TensorAssert.Equal(Logits(model), Logits(loaded));
    }

    [Fact]
    public void Bfloat16_files_hold_the_rounded_weights_in_half_the_bytes()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random();

        Checkpoint.Save(model, folder.File("full"));
        Checkpoint.Save(model, folder.File("half"), ScalarType.BFloat16);
        using var loaded = Checkpoint.Load(folder.File("half"));

        foreach (var (name, parameter) in loaded.named_parameters())
            TensorAssert.Equal(model.Parameter(name).to(ScalarType.BFloat16), parameter);
        long saved = new FileInfo(folder.File($"full/{Weights}")).Length - new FileInfo(folder.File($"half/{Weights}")).Length;
        Assert.InRange(saved, (2 * model.Config.NumParameters) - 100, (2 * model.Config.NumParameters) + 100);
        Assert.Contains(
            "\"torch_dtype\": \"bfloat16\"", File.ReadAllText(folder.File($"half/{Checkpoint.ConfigFile}")), StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_take_the_type_that_the_caller_asks_for()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random();
        Checkpoint.Save(model, folder.Path);

        using var loaded = Checkpoint.Load(folder.Path, weightType: ScalarType.BFloat16, computeType: ScalarType.BFloat16);

        Assert.All(loaded.parameters(), parameter => Assert.Equal(ScalarType.BFloat16, parameter.dtype));
        Assert.InRange(TensorAssert.LargestDifference(Logits(model), Logits(loaded)), 1e-5, 0.2);
    }

    [Fact]
    public void Loaded_network_is_ready_to_predict()
    {
        using var folder = new TemporaryFolder();
        using var model = TinyModel.Random();
        Checkpoint.Save(model, folder.Path);

        using var loaded = Checkpoint.Load(folder.Path);

        Assert.False(loaded.training);
    }

    private static Tensor Logits(MaskPredictor model)
    {
        using var noGradient = no_grad();
        return model.call(TinyModel.Canvas(1, 2, TinyModel.Mask, 30, TinyModel.Mask));
    }
}
