using System.Buffers.Binary;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Tests.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Tests.Checkpoints;

/// <summary>
/// LLaDA-8B at its size, without its 16 GB: a network on the meta device, which has shapes and no values, and files that are holes behind
/// their headers.
/// </summary>
public sealed class LLaDA8BTests : IDisposable
{
    private const long NumParameters = 8_015_581_184, Width = 4096, Vocabulary = 126_464, FeedForward = 12_288;
    private const int NumShards = 4, BytesOfWeight = 2;
    private const string Index = "model.safetensors.index.json";

    /// <summary>The parts of a block: ours, GSAI-ML/LLaDA's; those of llama-style copies; their shapes.</summary>
    private static readonly (string Part, string LlamaPart, long[] Shape)[] s_parts =
    [
        ("attn_norm", "input_layernorm", [Width]),
        ("q_proj", "self_attn.q_proj", [Width, Width]),
        ("k_proj", "self_attn.k_proj", [Width, Width]),
        ("v_proj", "self_attn.v_proj", [Width, Width]),
        ("attn_out", "self_attn.o_proj", [Width, Width]),
        ("ff_norm", "post_attention_layernorm", [Width]),
        ("ff_proj", "mlp.gate_proj", [FeedForward, Width]),
        ("up_proj", "mlp.up_proj", [FeedForward, Width]),
        ("ff_out", "mlp.down_proj", [Width, FeedForward]),
    ];

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<bool> Dialects => [false, true];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Network_has_the_published_tensors_and_takes_no_memory_for_them()
    {
        long before = PrivateBytes();
        using var scope = NewDisposeScope();
        using var model = new MaskPredictor(LLaDAConfigTests.LLaDA8B, META, ScalarType.BFloat16, ScalarType.BFloat16);
        var parameters = model.named_parameters().ToList();

        Assert.Equal(291, parameters.Count);
        Assert.Equal(NumParameters, parameters.Sum(entry => entry.parameter.numel()));
        Assert.All(
            parameters,
            entry => Assert.Equal((DeviceType.META, ScalarType.BFloat16), (entry.parameter.device_type, entry.parameter.dtype)));
        foreach (bool isLlama in (bool[])[false, true])
        {
            var named = parameters.ToDictionary(
                entry => isLlama ? TensorNames.Llama(entry.name) : TensorNames.LLaDA(entry.name), entry => entry.parameter.shape);
            Assert.Equal(
                Published(isLlama).OrderBy(entry => entry.Name, StringComparer.Ordinal),
                named.Select(entry => (entry.Key, entry.Value)).OrderBy(entry => entry.Key, StringComparer.Ordinal), Same);
        }
        // 16 GB would be asked for; other tests run beside this one.
        Assert.InRange(PrivateBytes() - before, long.MinValue, 2_000_000_000);
    }

    [Theory]
    [MemberData(nameof(Dialects))]
    public void Checkpoint_of_that_size_fits_its_configuration(bool isLlama)
    {
        Write(Published(isLlama));
        using var files = new WeightFiles(_folder.Path);

        var layout = files.Match(LLaDAConfigJson.Read(_folder.File(Checkpoint.ConfigFile)));

        Assert.Equal(
            Published(isLlama).Select(entry => entry.Name).Order(StringComparer.Ordinal),
            layout.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.InRange(
            Directory.GetFiles(_folder.Path, "*.safetensors").Sum(file => new FileInfo(file).Length), BytesOfWeight * NumParameters,
            (BytesOfWeight * NumParameters) + 100_000);
    }

    [Fact]
    public void Checkpoint_with_one_wrong_tensor_is_refused_before_memory_is_taken()
    {
        var published = Published(isLlama: false);

        const string last = "model.transformer.blocks.31.up_proj.weight";
        Write([.. published.Select(entry => entry.Name == last ? (last, [Width, FeedForward]) : entry)]);
        AssertRefused("model.transformer.blocks.31.up_proj.weight BFloat16 [4096, 12288] should have shape [12288, 4096]");

        Write([.. published.Where(entry => entry.Name != "model.transformer.blocks.17.ff_norm.weight")]);
        AssertRefused("model.transformer.blocks.17.ff_norm.weight is missing");

        Write([.. published, ("model.transformer.blocks.0.att_proj.weight", [Width, Width])]);
        AssertRefused("model.transformer.blocks.0.att_proj.weight is not a tensor of this model");
    }

    [Fact]
    public void Checkpoint_whose_last_byte_is_missing_is_refused()
    {
        Write(Published(isLlama: false));
        using (var file = File.OpenWrite(Shard(NumShards - 1)))
            file.SetLength(file.Length - 1);

        AssertRefused("it was truncated");
    }

    /// <summary>291 names and shapes, in the order of the network.</summary>
    private static List<(string Name, long[] Shape)> Published(bool isLlama)
    {
        string prefix = isLlama ? "model.layers" : "model.transformer.blocks";
        return
        [
            (isLlama ? "model.embed_tokens.weight" : "model.transformer.wte.weight", [Vocabulary, Width]),
            .. Enumerable.Range(0, 32).SelectMany(
                layer => s_parts.Select(part => ($"{prefix}.{layer}.{(isLlama ? part.LlamaPart : part.Part)}.weight", part.Shape))),
            (isLlama ? "model.norm.weight" : "model.transformer.ln_f.weight", [Width]),
            (isLlama ? "lm_head.weight" : "model.transformer.ff_out.weight", [Vocabulary, Width]),
        ];
    }

    private static bool Same((string Name, long[] Shape) one, (string Name, long[] Shape) other) =>
        one.Name == other.Name && one.Shape.SequenceEqual(other.Shape);

    private static long PrivateBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.PrivateMemorySize64;
    }

    private string Shard(int shard) => _folder.File($"model-{shard + 1:D5}-of-{NumShards:D5}.safetensors");

    private void Write(List<(string Name, long[] Shape)> tensors)
    {
        LLaDAConfigJson.Write(LLaDAConfigTests.LLaDA8B, _folder.File(Checkpoint.ConfigFile), "bfloat16");
        var weightMap = new JsonObject();
        foreach (var (shard, entries) in tensors.Chunk((tensors.Count + NumShards - 1) / NumShards).Index())
        {
            WriteHoles(Shard(shard), entries);
            foreach (var (name, _) in entries)
                weightMap[name] = Path.GetFileName(Shard(shard));
        }
        File.WriteAllText(_folder.File(Index), new JsonObject { ["weight_map"] = weightMap }.ToJsonString());
    }

    /// <summary>A header, and behind it as many bytes as it promises, none of which was written.</summary>
    private static void WriteHoles(string path, IEnumerable<(string Name, long[] Shape)> tensors)
    {
        var header = new JsonObject();
        long position = 0;
        foreach (var (name, shape) in tensors)
        {
            long end = position + (shape.Aggregate(1L, (product, size) => product * size) * BytesOfWeight);
            header[name] = new JsonObject
            {
                ["dtype"] = "BF16",
                ["shape"] = JsonSerializer.SerializeToNode(shape),
                ["data_offsets"] = new JsonArray(position, end),
            };
            position = end;
        }
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(header);
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, json.Length);
        using var file = File.Create(path);
        file.Write(length);
        file.Write(json);
        file.SetLength(8 + json.Length + position);
    }

    private void AssertRefused(string fault)
    {
        long made = LiveTensors.NumMade;
        var refusal = Assert.Throws<CheckpointException>(() => Checkpoint.Load(_folder.Path));
        Assert.Contains(fault, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(made, LiveTensors.NumMade);
    }
}
