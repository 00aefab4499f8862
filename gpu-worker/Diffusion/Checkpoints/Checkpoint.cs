using System.Text.Json;
using System.Text.Json.Nodes;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Native;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>
/// A folder in the Hugging Face layout of its family: config.json, and model.safetensors or shards with model.safetensors.index.json.
/// Folders saved here load there, and the other way round. Nothing in a checkpoint is executed.
/// </summary>
public static class Checkpoint
{
    public const string ConfigFile = "config.json";

    private const string SingleFile = WeightFiles.SingleFile, IndexFile = WeightIndex.FileName;

    /// <summary>
    /// The checks of <see cref="Load"/> on config.json and the weights, without memory for them and without libtorch: only the headers of
    /// the files are read, and a head that is tied as well as stored.
    /// </summary>
    /// <returns>The configuration in config.json.</returns>
    /// <exception cref="CheckpointException">The folder does not hold exactly what its config.json asks for.</exception>
    public static LLaDAConfig Check(string folder)
    {
        var config = LLaDAConfigJson.Read(Path.Combine(folder, ConfigFile));
        using var weights = new WeightFiles(folder);
        return Stored(config, weights.Match(config));
    }

    /// <summary>Loads the model of a folder. All names, shapes, types and sizes are checked before memory is taken for it.</summary>
    /// <param name="folder">
    /// Holds config.json and the weights, and tokenizer.json where config.json does not name the end of a turn.
    /// </param>
    /// <param name="device">Where the weights go.</param>
    /// <param name="weightType">Type of the weights in memory; those of the files are converted.</param>
    /// <param name="computeType">Type of the matrix products.</param>
    /// <exception cref="CheckpointException">The folder does not hold exactly what its config.json asks for.</exception>
    public static MaskPredictor Load(
        string folder, Device? device = null, ScalarType weightType = ScalarType.Float32, ScalarType computeType = ScalarType.Float32) =>
        LoadChanged(folder, device, weightType, computeType, changeOf: null);

    /// <summary>The same with changed matrices.</summary>
    /// <param name="changeOf">The change of matrices before they are rounded to 8 bits, given the network without its weights.</param>
    internal static MaskPredictor LoadChanged(
        string folder, Device? device, ScalarType weightType, ScalarType computeType, Func<MaskPredictor, MatrixChange>? changeOf)
    {
        LibTorch.Load();
        if (weightType == ScalarType.Int8 && !Int8Rows.AreOffered)
            throw new CheckpointException(folder, "cannot be kept in 8 bits with this build of libtorch: load it in another type");
        var config = WithEndOfTurn(LLaDAConfigJson.Read(Path.Combine(folder, ConfigFile)), folder);
        using var weights = new WeightFiles(folder);
        var layout = weights.Match(config);

        var model = new MaskPredictor(Stored(config, layout), device ?? CPU, weightType, computeType);
        try
        {
            var parameters = Tensors(model).ToDictionary();
            var change = changeOf?.Invoke(model);
            foreach (var stored in layout.Tensors)
                weights.CopyTo(stored, parameters[stored.Parameter], change);
            model.eval();
            return model;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Saves config.json and the weights under the reference's tensor names; files of the same names are replaced.</summary>
    /// <param name="model">Its parameters are read where they are.</param>
    /// <param name="folder">Created when missing.</param>
    /// <param name="type">Type of the weights in the files.</param>
    /// <param name="maxShardBytes">Weights beyond it go to further shards, with an index.</param>
    /// <exception cref="InvalidOperationException">The weights are in 8 bits.</exception>
    public static void Save(MaskPredictor model, string folder, ScalarType type = ScalarType.Float32, long maxShardBytes = 5_000_000_000)
    {
        if (model.WeightType == ScalarType.Int8)
        {
            throw new InvalidOperationException(
                "The weights are in 8 bits, which no file of this layout holds: copy the files that they came from");
        }
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(folder);
        LLaDAConfigJson.Write(model.Config, Path.Combine(folder, ConfigFile), type == ScalarType.BFloat16 ? "bfloat16" : "float32");
        if (model.Config.Family != ModelFamilies.LLaDA)
            ModelJson.Write(Path.Combine(folder, TokenFiles.Generation), FamilyConfigJson.Generation(model.Config));

        var shards = Shards(model, SafetensorsTypes.Size(type), maxShardBytes);
        if (shards is [var only])
        {
            SafetensorsWriter.Write(Path.Combine(folder, SingleFile), only, type, IsRouterBias);
            File.Delete(Path.Combine(folder, IndexFile));
            return;
        }

        var weightMap = new JsonObject();
        for (int shard = 0; shard < shards.Count; shard++)
        {
            string file = $"model-{shard + 1:D5}-of-{shards.Count:D5}.safetensors";
            SafetensorsWriter.Write(Path.Combine(folder, file), shards[shard], type, IsRouterBias);
            foreach (var (name, _) in shards[shard])
                weightMap[name] = file;
        }
        long numValues = shards.Sum(shard => shard.Sum(entry => entry.Tensor.numel()));
        var index = new JsonObject
        {
            ["metadata"] = new JsonObject { ["total_size"] = numValues * SafetensorsTypes.Size(type) },
            ["weight_map"] = weightMap,
        };
        File.WriteAllText(Path.Combine(folder, IndexFile), index.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n");
        File.Delete(Path.Combine(folder, SingleFile));
    }

    /// <summary>Biases of routers stay float32: rounded, they would choose other experts.</summary>
    private static bool IsRouterBias(string name) => name.EndsWith(".expert_bias", StringComparison.Ordinal);

    /// <summary>The network's parameters and buffers.</summary>
    internal static IEnumerable<KeyValuePair<string, Tensor>> Tensors(MaskPredictor model) =>
        model.named_parameters().Select(entry => KeyValuePair.Create(entry.name, (Tensor)entry.parameter))
            .Concat(model.named_buffers().Select(entry => KeyValuePair.Create(entry.name, entry.buffer)));

    private static LLaDAConfig Stored(LLaDAConfig config, StoredLayout layout) => config.Experts is { } experts
        ? config with { Experts = experts with { AreStacked = layout.AreExpertsStacked } }
        : config;

    /// <summary>Most config.json do not name the end of a turn; the tokenizer's files beside it do.</summary>
    private static LLaDAConfig WithEndOfTurn(LLaDAConfig config, string folder)
    {
        int? id = config.EotTokenId is null ? new TokenFiles(folder).EndOfTurn : null;
        if (!(id < config.EmbeddingSize))
            return config;
        int[] others = [.. config.OtherEndTokenIds.Where(end => end != id)];
        return config with { EotTokenId = id, OtherEndTokenIds = others.Length == 0 ? [] : others };
    }

    private static List<List<(string Name, Tensor Tensor)>> Shards(MaskPredictor model, int elementBytes, long maxShardBytes)
    {
        List<List<(string, Tensor)>> shards = [[]];
        long filled = 0;
        var config = model.Config;
        foreach (var (parameter, whole) in Tensors(model))
        {
            foreach (var stored in StoredTensor.Of(parameter, whole.shape, config.Family.Naming, config.Experts?.AreStacked ?? false))
            {
                var tensor = stored.In(whole);
                long bytes = tensor.numel() * elementBytes;
                if (filled > 0 && filled + bytes > maxShardBytes)
                {
                    shards.Add([]);
                    filled = 0;
                }
                shards[^1].Add((stored.Name, tensor));
                filled += bytes;
            }
        }
        return shards;
    }
}
