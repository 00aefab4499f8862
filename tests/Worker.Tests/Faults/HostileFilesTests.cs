using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Batch.Testing.Fuzzing;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Worker.Tests.Faults;

/// <summary>
/// A sample of <c>tests/Benchmarks -- fuzz</c>: files of models and requests that were changed at random are read or refused with a
/// sentence. Then the inputs at which that once failed.
/// </summary>
public sealed class HostileFilesTests : IDisposable
{
    private const int Seed = 20261129, NumInputs = 200;

    private readonly TinyModel _model;
    private readonly string _folder = Directory.CreateTempSubdirectory("llada-hostile-").FullName;

    public HostileFilesTests(TinyModel model) => _model = model;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Every_file_of_a_model_is_read_or_refused_with_a_sentence()
    {
        using var files = new ModelFileTargets(Path.Combine(_model.Folder, TinyModel.Id));

        Assert.All(files.All, Run);
    }

    [Fact]
    public void Every_request_is_read_or_refused_with_a_sentence() => Assert.All(RequestTargets.All(_model.Loaded), Run);

    [Fact]
    public void Inputs_of_a_seed_are_always_the_same_and_differ_from_one_another()
    {
        var target = RequestTargets.All(_model.Loaded)[0];
        string[] Inputs(int seed) =>
            [.. Enumerable.Range(0, 50).Select(number => Convert.ToHexString(new Mutator(target, seed).Input(number)))];

        Assert.Equal(Inputs(1), Inputs(1));
        Assert.NotEqual(Inputs(1), Inputs(2));
        Assert.True(Inputs(1).Distinct().Count() > 40);
    }

    [Theory]
    [InlineData("[0,4611686018427387904,4]")]
    [InlineData("[0,9223372036854775807]")]
    public void A_shape_whose_strides_overflow_beside_a_size_of_zero_is_refused(string shape)
    {
        string header = """{"a":{"dtype":"F32","shape":SHAPE,"data_offsets":[0,0]}}""".Replace("SHAPE", shape, StringComparison.Ordinal);
        string path = Path.Combine(_folder, "a.safetensors");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)header.Length), .. Encoding.UTF8.GetBytes(header)]);

        var refused = Assert.Throws<CheckpointException>(() => new SafetensorsFile(path));

        Assert.Contains("impossible shape", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fault_is_one_line_of_bounded_length_whatever_the_file_holds()
    {
        string header = """{"a":{"dtype":"TYPE\n","shape":[],"data_offsets":[0,0]}}"""
            .Replace("TYPE", new string('I', 50_000), StringComparison.Ordinal);
        string path = Path.Combine(_folder, "a.safetensors");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((long)header.Length), .. Encoding.UTF8.GetBytes(header)]);

        string message = Assert.Throws<CheckpointException>(() => new SafetensorsFile(path)).Message;

        Assert.InRange(message.Length, 100, 2_100);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("""{"peft_type":"LORA","r":2,"lora_alpha":4,"target_modules":[null]}""", "must list names")]
    [InlineData("""{"peft_type":"LORA","r":2,"lora_alpha":4,"bias":"\ud800"}""", "not a description of an adapter")]
    public void An_adapter_with_a_hole_or_half_a_character_is_refused(string json, string reason)
    {
        File.WriteAllText(Path.Combine(_folder, AdapterConfig.FileName), json);

        Assert.Contains(reason, Assert.Throws<CheckpointException>(() => AdapterConfig.Read(_folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_with_half_a_character_is_refused()
    {
        string model = Path.Combine(_model.Folder, TinyModel.Id, "config.json");
        string json = File.ReadAllText(model).Replace("\"rope\": true", "\"rope\": \"\\ud800\"", StringComparison.Ordinal);
        File.WriteAllText(Path.Combine(_folder, "config.json"), json);

        var refused = Assert.Throws<CheckpointException>(() => LLaDAConfigJson.Read(Path.Combine(_folder, "config.json")));

        Assert.Contains("half of a surrogate pair", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_configuration_with_more_experts_than_memory_has_room_for_names_is_refused()
    {
        string golden = Repository.PathOf("tests", "golden", "llada-moe", "config.json");
        var json = JsonNode.Parse(File.ReadAllText(golden))!;
        (json["num_experts"], json["mask_token_id"]) = (1 << 30, 1);
        File.WriteAllText(Path.Combine(_folder, "config.json"), json.ToJsonString());

        var refused = Assert.Throws<CheckpointException>(() => LLaDAConfigJson.Read(Path.Combine(_folder, "config.json")));

        Assert.Contains("in all layers together", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Patterns whose time doubles with each character of a text: https://owasp.org/www-community/attacks/ReDoS</summary>
    [Theory]
    [InlineData("(a+)+b")]
    [InlineData("(?:z|zz)+q")]
    public void A_tokenizer_whose_pattern_takes_exponential_time_is_refused_when_it_is_read(string pattern)
    {
        var json = JsonNode.Parse(File.ReadAllText(Path.Combine(_model.Folder, TinyModel.Id, LLaDATokenizer.FileName)))!;
        json["pre_tokenizer"] = new JsonObject
        {
            ["type"] = "Sequence",
            ["pretokenizers"] = new JsonArray(
                new JsonObject
                {
                    ["type"] = "Split", ["behavior"] = "Isolated", ["invert"] = false, ["pattern"] = new JsonObject { ["Regex"] = pattern },
                },
                new JsonObject { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = false }),
        };
        File.WriteAllText(Path.Combine(_folder, LLaDATokenizer.FileName), json.ToJsonString());

        var refused = Assert.Throws<CheckpointException>(() => new LLaDATokenizer(_folder));

        Assert.Contains("backtracks without end", refused.Message, StringComparison.Ordinal);
    }

    private static void Run(FuzzTarget target) =>
        Assert.Empty(new Fuzzer(target, Seed).Run(first: 0, NumInputs, TestContext.Current.CancellationToken).Findings);
}
