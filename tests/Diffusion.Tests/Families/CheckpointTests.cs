using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Families;

/// <summary>Checkpoints of each family in its own layout.</summary>
public sealed class CheckpointTests : IDisposable
{
    private const string Weights = "model.safetensors";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(GoldenFolder.Families), MemberType = typeof(GoldenFolder))]
    public void Saved_checkpoint_has_the_names_shapes_types_and_values_of_the_reference(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();

        Checkpoint.Save(model, _folder.Path);

        using var expected = new SafetensorsFile(Path.Combine(golden.Path, Weights));
        using var actual = new SafetensorsFile(_folder.File(Weights));
        Assert.Equal(Described(expected), Described(actual));
        Assert.All(
            expected.Tensors.Keys,
            tensor => Assert.True(SafetensorsFile.HaveEqualBytes((expected, tensor), (actual, tensor)), tensor));
        using var again = Checkpoint.Load(_folder.Path);
        Assert.Equal(Json(model.Config), Json(again.Config));
        Assert.Equal(Json(model.Config), Json(Checkpoint.Check(_folder.Path)));
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(GoldenFolder.Families), MemberType = typeof(GoldenFolder))]
    public void Saved_configuration_says_what_the_references_said(string name)
    {
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();

        Checkpoint.Save(model, _folder.Path);

        var expected = JsonNode.Parse(File.ReadAllText(Path.Combine(golden.Path, "config.json")))!.AsObject();
        var actual = JsonNode.Parse(File.ReadAllText(_folder.File("config.json")))!.AsObject();
        // What it says of training, and of the first token of a text, changes no number.
        string[] notes = ["max_window_layers", "fuse_cross_entropy", "bos_token_id", "sliding_window", "use_sliding_window"];
        foreach (var (field, value) in expected.Where(entry => !notes.Contains(entry.Key)))
            Assert.True(IsSame(value, actual[field]), $"{field} was {value?.ToJsonString()} and is {actual[field]?.ToJsonString()}");
    }

    [Theory(SkipTestWithoutData = true)]
    [MemberData(nameof(GoldenFolder.Families), MemberType = typeof(GoldenFolder))]
    public void Parameters_are_counted_from_the_configuration(string name)
    {
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();

        Assert.Equal(model.named_parameters().Sum(entry => entry.parameter.numel()), model.Config.NumParameters);
        Assert.Equal(
            ParameterShapes.Of(model.Config).OrderBy(entry => entry.Key, StringComparer.Ordinal)
                .Select(entry => (entry.Key, Text(entry.Value))),
            Checkpoint.Tensors(model).OrderBy(entry => entry.Key, StringComparer.Ordinal)
                .Select(entry => (entry.Key, Text(entry.Value.shape))));
    }

    [Theory]
    [InlineData("llada2")]
    [InlineData("llada2-stacked")]
    public void Shards_hold_the_same_as_one_file(string name)
    {
        using var scope = NewDisposeScope();
        using var golden = new GoldenFolder(name);
        using var model = golden.Load();

        Checkpoint.Save(model, _folder.Path, maxShardBytes: 100_000);

        Assert.False(File.Exists(_folder.File(Weights)));
        using var again = Checkpoint.Load(_folder.Path);
        var tokens = golden["forward.input_ids"];
        Assert.True(model.call(tokens).equal(again.call(tokens)).all().item<bool>());
    }

    [Fact]
    public void Biases_of_routers_are_not_rounded_with_the_weights()
    {
        using var golden = new GoldenFolder("llada2");
        using var model = golden.Load();

        Checkpoint.Save(model, _folder.Path, ScalarType.BFloat16);

        using var file = new SafetensorsFile(_folder.File(Weights));
        const string bias = "model.layers.1.mlp.gate.expert_bias", weight = "model.layers.1.mlp.gate.weight";
        Assert.Equal((ScalarType.Float32, ScalarType.BFloat16), (file.Tensors[bias].Type, file.Tensors[weight].Type));
        using var expected = new SafetensorsFile(Path.Combine(golden.Path, Weights));
        Assert.True(SafetensorsFile.HaveEqualBytes((expected, bias), (file, bias)));
    }

    private static IEnumerable<string> Described(SafetensorsFile file) =>
        file.Tensors.Values.Select(tensor => tensor.ToString()).Order(StringComparer.Ordinal);

    private static string Json(LLaDAConfig config) => JsonSerializer.Serialize(config);

    private static string Text(long[] shape) => string.Join(", ", shape);

    /// <summary>A number is the same as an integer and as a decimal; an absent field the same as null.</summary>
    private static bool IsSame(JsonNode? expected, JsonNode? actual) =>
        expected is JsonValue one && actual is JsonValue other && one.TryGetValue(out double left) && other.TryGetValue(out double right)
            ? left == right
            : JsonNode.DeepEquals(expected, actual);
}
