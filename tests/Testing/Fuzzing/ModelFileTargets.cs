using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Lora;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;
using static TorchSharp.torch;

namespace LLaDA.Batch.Testing.Fuzzing;

/// <summary>The files of models: weights, configurations, tokenizers and adapters.</summary>
public sealed class ModelFileTargets : IDisposable
{
    private const string Weights = "model.safetensors";

    private static readonly string[] s_configs = ["config.json", "model.safetensors.index.json", "generation_config.json"];

    private static readonly string[] s_texts =
    [
        "the lazy dog's 1234 words", "", "Größe 日本 🙂\r\n\t \u0301", new string('a', 300), new string(' ', 300) + "x",
        "<|eot_id|>[MASK]",
    ];

    /// <summary>In memory where the system has such a place: files are written a million times.</summary>
    private readonly string _folder = Directory.CreateDirectory(Path.Combine(
        Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"llada-fuzz-{Guid.NewGuid():N}")).FullName;

    private readonly Lazy<MaskPredictor> _model;

    /// <param name="tokenizer">A folder with a small tokenizer.json.</param>
    public ModelFileTargets(string tokenizer)
    {
        string golden = Path.Combine(Repository.Root, "tests", "golden");
        _model = new(() => Checkpoint.Load(Path.Combine(golden, "llada-mha-f32")));
        All =
        [
            Safetensors(), Tokenizer(Path.Combine(tokenizer, LLaDATokenizer.FileName)), ChatTemplateTarget.Target,
            AdapterConfiguration(), AdapterWeights(),
            .. Directory.GetDirectories(golden).Order(StringComparer.Ordinal).SelectMany(Configurations),
        ];
    }

    public IReadOnlyList<FuzzTarget> All { get; }

    public void Dispose()
    {
        if (_model.IsValueCreated)
            _model.Value.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private static bool IsSentence(Exception exception) => exception is CheckpointException;

    private FuzzTarget Safetensors()
    {
        string folder = Folder("safetensors"), path = Path.Combine(folder, Weights);
        SafetensorsWriter.Write(path, [("a.weight", ones(2, 3)), ("b", arange(4)), ("empty", zeros(0, 5))]);
        return new FuzzTarget("safetensors", [File.ReadAllBytes(path)], input =>
        {
            File.WriteAllBytes(path, input);
            using var file = new SafetensorsFile(path);
            foreach (string name in file.Tensors.Keys)
            {
                file.Read(name).Dispose();
                SafetensorsFile.HaveEqualBytes((file, name), (file, name));
            }
        }, IsSentence)
        { Frame = Header, Words = ["F64", "F32", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "__metadata__", "shape", "data_offsets"] };
    }

    /// <summary>The JSON files beside the weights of a golden model, whose weights stay as they are.</summary>
    private IEnumerable<FuzzTarget> Configurations(string golden)
    {
        string name = Path.GetFileName(golden), folder = Folder(name);
        foreach (string file in Directory.GetFiles(golden))
            File.CreateSymbolicLink(Path.Combine(folder, Path.GetFileName(file)), file);
        string generation = Path.Combine(folder, "generation_config.json");
        if (!File.Exists(generation))
            File.WriteAllText(generation, """{"mask_token_id":1,"eos_token_id":2,"pad_token_id":2}""");
        foreach (string file in s_configs.Where(file => File.Exists(Path.Combine(folder, file))))
        {
            string path = Path.Combine(folder, file);
            byte[] seed = File.ReadAllBytes(path);
            yield return new FuzzTarget($"{name}/{file}", [seed], input =>
            {
                File.Delete(path);      // A link, at first.
                File.WriteAllBytes(path, input);
                try
                {
                    Checkpoint.Check(folder);
                }
                finally
                {
                    File.WriteAllBytes(path, seed);
                }
            }, IsSentence)
            {
                FixedBytes = 256 << 20,
                Words = [.. JsonNode.Parse(seed)!.AsObject().Select(property => property.Key), "rope_scaling", Weights],
            };
        }
    }

    private FuzzTarget Tokenizer(string path)
    {
        string folder = Folder("tokenizer");
        byte[] Changed(Action<JsonObject> change)
        {
            var json = JsonNode.Parse(File.ReadAllBytes(path))!.AsObject();
            change(json);
            return Encoding.UTF8.GetBytes(json.ToJsonString());
        }
        byte[][] seeds =
        [
            File.ReadAllBytes(path),
            Changed(json => json["pre_tokenizer"] = JsonNode.Parse("""
                {"type":"Sequence","pretokenizers":[{"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":
                "(?i:'s|'t|'re)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
                {"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}
                """)),
            Changed(json =>
            {
                json["normalizer"] = new JsonObject { ["type"] = "NFC" };
                json["model"]!["ignore_merges"] = true;
                json["added_tokens"]!.AsArray().Add(JsonNode.Parse("""
                    {"id":400,"content":"CD8+","special":false,"lstrip":true,"rstrip":true,"single_word":true,"normalized":true}
                    """));
            }),
        ];
        return new FuzzTarget("tokenizer.json", seeds, input =>
        {
            File.WriteAllBytes(Path.Combine(folder, LLaDATokenizer.FileName), input);
            var tokenizer = new LLaDATokenizer(folder);
            foreach (string text in s_texts)
                tokenizer.Decode(tokenizer.Encode(text));
        }, IsSentence)
        {
            FixedBytes = 512 << 20,
            Words =
            [
                "(a+)+b", "(?:a|a)*b", "(?:.*)*x", @"(\s*)*\S", "{1000}", "{2147483647}", "++", "*?", "(?<=", "(?>", "[^", "|", "(?i:",
                @"\p{L}",
                "Ġ", "<|eot_id|>", "<|mdm_mask|>", "<0x41>", "BPE", "Split", "Sequence", "ByteLevel", "vocab", "merges",
            ],
        };
    }

    private FuzzTarget AdapterConfiguration()
    {
        string folder = Folder("adapter-config"), path = Path.Combine(folder, AdapterConfig.FileName);
        new AdapterConfig(2, 4, ["model.transformer.blocks.0.q_proj"], "base").Write(folder);
        return new FuzzTarget("adapter_config.json", [File.ReadAllBytes(path)], input =>
        {
            File.WriteAllBytes(path, input);
            _ = AdapterConfig.Read(folder).Scale;
        }, IsSentence)
        { Words = ["r", "lora_alpha", "target_modules", "use_rslora", "LORA", "gaussian"] };
    }

    private FuzzTarget AdapterWeights()
    {
        string folder = Folder("adapter"), path = Path.Combine(folder, AdapterFiles.WeightsFile);
        var projection = _model.Value.Projections.First();
        long[] shape = projection.Value.Weight.shape;
        AdapterFiles.Write(
            folder, TensorNaming.LLaDA, new AdapterConfig(2, 4, [], "base"), [(projection.Key, ones(2, shape[1]), ones(shape[0], 2))]);
        return new FuzzTarget("adapter_model.safetensors", [File.ReadAllBytes(path)], input =>
        {
            File.WriteAllBytes(path, input);
            using var files = new AdapterFiles(folder);
            files.Match(_model.Value);
        }, IsSentence)
        { Frame = Header, Words = ["lora_A", "lora_B", "base_model.model.model.layers.0.q_proj.lora_A.weight", "F16"] };
    }

    private string Folder(string name) => Directory.CreateDirectory(Path.Combine(_folder, name)).FullName;

    /// <summary>The header of a safetensors file, behind 8 bytes with its length.</summary>
    private static JsonFrame Header { get; } = new(
        input => input.Length >= 8 && BinaryPrimitives.ReadUInt64LittleEndian(input) is var length && length <= (ulong)input.Length - 8
            ? 8..(8 + (int)length)
            : null,
        (input, text) =>
        {
            byte[] prefix = new byte[8];
            ulong old = BinaryPrimitives.ReadUInt64LittleEndian(input);
            BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)text.Length);
            return [.. prefix, .. text, .. input[(8 + (int)old)..]];
        });
}
