using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Lora;

/// <summary>
/// A folder with a LoRA adapter in PEFT's layout: adapter_config.json, and adapter_model.safetensors with tensors such as
/// <c>base_model.model.model.transformer.blocks.0.q_proj.lora_A.weight</c>. The llama-style paths of converted copies are read too.
/// </summary>
internal sealed class AdapterFiles : IDisposable
{
    public const string WeightsFile = "adapter_model.safetensors";

    private const int MaxFaultsListed = 10;

    private readonly string _path;
    private readonly SafetensorsFile _file;

    /// <exception cref="CheckpointException">A file is missing, damaged, or of a kind that this library does not compute.</exception>
    public AdapterFiles(string folder)
    {
        Config = AdapterConfig.Read(folder);
        _path = Path.Combine(folder, WeightsFile);
        _file = new SafetensorsFile(_path);
    }

    public AdapterConfig Config { get; }

    /// <param name="matrices">A and B by the path of their projection in <see cref="MaskPredictor"/>.</param>
    public static void Write(string folder, AdapterConfig config, IEnumerable<(string Projection, Tensor A, Tensor B)> matrices)
    {
        Directory.CreateDirectory(folder);
        config.Write(folder);
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile),
            [.. matrices.SelectMany(entry => new[]
            {
                (Name(TensorNames.LLaDA, entry.Projection, 'A'), entry.A),
                (Name(TensorNames.LLaDA, entry.Projection, 'B'), entry.B),
            })]);
    }

    /// <summary>
    /// Finds the projections that the adapter changes, and checks that its matrices fit them and that it holds nothing else.
    /// </summary>
    /// <returns>Names in the file, by the path of the projection.</returns>
    public IReadOnlyDictionary<string, (string A, string B)> Match(MaskPredictor model)
    {
        bool isLlama = _file.Tensors.Keys.Any(name => name.StartsWith("base_model.model.model.layers.", StringComparison.Ordinal));
        Func<string, string> dialect = isLlama ? TensorNames.Llama : TensorNames.LLaDA;
        Dictionary<string, (string A, string B)> matched = [];
        HashSet<string> known = [];
        List<string> faults = [];
        foreach (var (projection, module) in model.Projections)
        {
            var (a, b) = (Name(dialect, projection, 'A'), Name(dialect, projection, 'B'));
            if (!_file.Tensors.ContainsKey(a) && !_file.Tensors.ContainsKey(b))
                continue;
            Check(a, Config.Rank, module.Weight.shape[1]);
            Check(b, module.Weight.shape[0], Config.Rank);
            known.UnionWith([a, b]);
            matched.Add(projection, (a, b));
        }
        faults.AddRange(_file.Tensors.Keys.Where(name => !known.Contains(name))
            .Select(name => $"{name} changes nothing that this model has"));
        if (matched.Count == 0 && faults.Count == 0)
            faults.Add("it holds no tensor");
        return faults.Count == 0
            ? matched
            : throw new CheckpointException(_path, $"does not fit the model: {string.Join("; ", faults.Take(MaxFaultsListed))}");

        void Check(string name, params long[] shape)
        {
            if (!_file.Tensors.TryGetValue(name, out var entry))
                faults.Add($"{name} is missing");
            else if (!entry.Shape.AsSpan().SequenceEqual(shape) || !SafetensorsTypes.IsFloat(entry.Type))
                faults.Add($"{entry} should be of a floating-point type and shape [{string.Join(", ", shape)}]");
        }
    }

    public void CopyTo(string name, Tensor destination) => _file.CopyTo(name, destination);

    /// <summary>Adds the adapter to the weights for good.</summary>
    public void MergeInto(MaskPredictor model)
    {
        using var scale = Config.Scale.ToScalar();
        var projections = model.Projections;
        foreach (var (projection, (a, b)) in Match(model))
        {
            using var scope = NewDisposeScope();
            var weight = projections[projection].Weight;
            Tensor Read(string name) => _file.Read(name).to(ScalarType.Float32).to(weight.device);
            LowRankAdapter.Merge(weight, Read(a), Read(b), scale);
        }
    }

    public void Dispose() => _file.Dispose();

    /// <remarks>A dialect names weights: the path of a module is that of its weight without the last part.</remarks>
    private static string Name(Func<string, string> dialect, string projection, char matrix) =>
        $"base_model.model.{dialect(projection + ".weight")[..^".weight".Length]}.lora_{matrix}.weight";
}
