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
    public static void Write(
        string folder, TensorNaming naming, AdapterConfig config, IEnumerable<(string Projection, Tensor A, Tensor B)> matrices)
    {
        using var scope = NewDisposeScope();
        Directory.CreateDirectory(folder);
        config.Write(folder);
        SafetensorsWriter.Write(Path.Combine(folder, WeightsFile),
            [.. matrices.SelectMany(entry => Named('A', entry.Projection, entry.A).Zip(
                Named('B', entry.Projection, entry.B), (a, b) => new[] { a, b })).SelectMany(pair => pair)]);

        IEnumerable<(string, Tensor)> Named(char matrix, string projection, Tensor tensor) =>
            AdapterNames.Of(naming, projection, tensor.shape, matrix).Zip(Parts(tensor));
    }

    /// <summary>
    /// Finds the projections that the adapter changes, and checks that its matrices fit them and that it holds nothing else.
    /// </summary>
    /// <returns>Names in the file, by the path of the projection; several for experts.</returns>
    public IReadOnlyDictionary<string, (string[] A, string[] B)> Match(MaskPredictor model)
    {
        bool isLlama = _file.Tensors.Keys.Any(name => name.StartsWith("base_model.model.model.layers.", StringComparison.Ordinal));
        var naming = model.Config.Family.Naming == TensorNaming.LLaDA && isLlama ? TensorNaming.Llama : model.Config.Family.Naming;
        Dictionary<string, (string[] A, string[] B)> matched = [];
        HashSet<string> known = [];
        List<string> faults = [];
        foreach (var (projection, module) in model.Projections)
        {
            long[] shape = module.Shape;
            string[] a = AdapterNames.Of(naming, projection, shape, 'A'), b = AdapterNames.Of(naming, projection, shape, 'B');
            if (!a.Concat(b).Any(_file.Tensors.ContainsKey))
                continue;
            foreach (string name in a)
                Check(name, Config.Rank, shape[^1]);
            foreach (string name in b)
                Check(name, shape[^2], Config.Rank);
            known.UnionWith(a);
            known.UnionWith(b);
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

    /// <param name="names">From <see cref="Match"/>.</param>
    public void CopyTo((string[] A, string[] B) names, Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        foreach (var (name, part) in names.A.Zip(Parts(a)).Concat(names.B.Zip(Parts(b))))
            _file.CopyTo(name, part);
    }

    /// <summary>Adds the adapter to the weights for good.</summary>
    public void MergeInto(MaskPredictor model)
    {
        using var scale = Config.Scale.ToScalar();
        var projections = model.Projections;
        foreach (var (projection, names) in Match(model))
        {
            using var scope = NewDisposeScope();
            var weight = projections[projection].Weight;
            Tensor Read(string[] parts)
            {
                Tensor[] read = [.. parts.Select(name => _file.Read(name).to(ScalarType.Float32).to(weight.device))];
                return weight.dim() == 2 ? read[0] : stack(read);
            }
            LowRankAdapter.Merge(weight, Read(names.A), Read(names.B), scale);
        }
    }

    /// <summary>The same for one matrix at a time, while it is loaded; valid as long as this is.</summary>
    public MatrixChange ChangeOf(MaskPredictor model)
    {
        var matched = Match(model);
        return (parameter, expert, matrix) =>
        {
            const string weight = ".weight";
            string path = parameter.EndsWith(weight, StringComparison.Ordinal) ? parameter[..^weight.Length] : parameter;
            if (!matched.TryGetValue(path, out var names))
                return matrix;
            using var scope = NewDisposeScope();
            using var scale = Config.Scale.ToScalar();
            Tensor Read(string[] parts) => _file.Read(parts[expert]).to(ScalarType.Float32);
            return matrix.add(matmul(Read(names.B), Read(names.A)), scale).MoveToOuterDisposeScope();
        };
    }

    public void Dispose() => _file.Dispose();

    /// <summary>The matrix, or those of each expert.</summary>
    private static Tensor[] Parts(Tensor matrix) => matrix.dim() == 2 ? [matrix.alias()] : matrix.detach().unbind(0);
}
