using System.Buffers.Binary;
using System.Text.Json.Nodes;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Text;

namespace LLaDA.Batch.Infra.Tests.Cli.Models;

/// <summary>A folder with all that a model needs; its weights are zeros.</summary>
internal sealed class ModelFolder : IDisposable
{
    public const int ContextLength = 64;
    public const string Weights = "model.safetensors";

    private readonly string _root = Directory.CreateTempSubdirectory("llada-folder-").FullName;

    /// <param name="name">Of the folder, and so of the model.</param>
    public ModelFolder(string name = "tiny")
    {
        Path = System.IO.Path.Combine(_root, name);
        BpeTrainer.Save(new BpeTrainer().Train(262), Path);
        var tokenizer = new LLaDATokenizer(Path);
        Config = new LLaDAConfig
        {
            ModelWidth = 8,
            NumLayers = 1,
            NumHeads = 2,
            NumKeyValueHeads = 2,
            FeedForwardWidth = 8,
            VocabularySize = tokenizer.NumTokens,
            EmbeddingSize = tokenizer.NumTokens,
            MaxSequenceLength = ContextLength,
            MaskTokenId = tokenizer.MaskId!.Value,
            EosTokenId = tokenizer.EndOfTextId,
            PadTokenId = tokenizer.EndOfTextId,
        };
        Write(Config);
        WriteWeights(fill: 0);
    }

    public string Path { get; }

    public LLaDAConfig Config { get; }

    public void Write(LLaDAConfig config) => LLaDAConfigJson.Write(config, File(Checkpoint.ConfigFile));

    /// <param name="fill">The value of every byte.</param>
    public void WriteWeights(byte fill)
    {
        var header = new JsonObject();
        long position = 0;
        foreach (var (parameter, shape) in ParameterShapes.Of(Config))
        {
            long end = position + (shape.Aggregate(1L, (product, size) => product * size) * sizeof(float));
            header.Add(TensorNames.LLaDA(parameter), new JsonObject
            {
                ["dtype"] = "F32",
                ["shape"] = new JsonArray([.. shape.Select(size => JsonValue.Create(size))]),
                ["data_offsets"] = new JsonArray(position, end),
            });
            position = end;
        }
        byte[] json = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString()), bytes = new byte[8 + json.Length + position];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, (ulong)json.Length);
        json.CopyTo(bytes, 8);
        bytes.AsSpan(8 + json.Length).Fill(fill);
        System.IO.File.WriteAllBytes(File(Weights), bytes);
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
