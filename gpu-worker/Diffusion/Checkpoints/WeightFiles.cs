using System.Text.Json;
using static TorchSharp.torch;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>The weights of a checkpoint folder: one safetensors file, or the shards that its index names.</summary>
internal sealed class WeightFiles : IDisposable
{
    private const int MaxFaultsListed = 10;

    private readonly string _folder;
    private readonly Dictionary<string, SafetensorsFile> _fileOf = [];
    private readonly List<SafetensorsFile> _files = [];

    /// <exception cref="CheckpointException">No weights, a shard missing, or a shard whose tensors are not those of the index.</exception>
    public WeightFiles(string folder)
    {
        _folder = folder;
        try
        {
            string index = Path.Combine(folder, "model.safetensors.index.json");
            if (File.Exists(index))
                OpenShards(index);
            else
                Open(Path.Combine(folder, "model.safetensors"));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Finds the dialect of the names and checks that the files hold every parameter in its shape, and nothing else.</summary>
    /// <returns>The tensor's name in the files, by the parameter's name.</returns>
    public IReadOnlyDictionary<string, string> Match(IReadOnlyDictionary<string, long[]> shapes)
    {
        Func<string, string> dialect = _fileOf.ContainsKey(TensorNames.Llama("wte.weight")) ? TensorNames.Llama : TensorNames.LLaDA;
        var names = shapes.Keys.ToDictionary(parameter => parameter, dialect);

        List<string> faults = [];
        foreach (var (parameter, name) in names)
        {
            if (!_fileOf.TryGetValue(name, out var file))
                faults.Add($"{name} is missing");
            else if (!file.Tensors[name].Shape.AsSpan().SequenceEqual(shapes[parameter]))
                faults.Add($"{file.Tensors[name]} should have shape [{string.Join(", ", shapes[parameter])}]");
            else if (file.Tensors[name].Type is not (ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16))
                faults.Add($"{file.Tensors[name]} should be of a floating-point type");
        }
        var known = names.Values.ToHashSet();
        faults.AddRange(_fileOf.Keys.Where(name => !known.Contains(name)).Select(name => $"{name} is not a tensor of this model"));

        if (faults.Count == 0)
            return names;
        string more = faults.Count > MaxFaultsListed ? $"; and {faults.Count - MaxFaultsListed} more" : "";
        throw new CheckpointException(_folder, $"does not fit its config.json: {string.Join("; ", faults.Take(MaxFaultsListed))}{more}");
    }

    public void CopyTo(string name, Tensor destination) => _fileOf[name].CopyTo(name, destination);

    public void Dispose() => _files.ForEach(file => file.Dispose());

    private void OpenShards(string index)
    {
        Dictionary<string, string> weightMap;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(index), new JsonDocumentOptions { AllowDuplicateProperties = false });
            weightMap = json.RootElement.GetProperty("weight_map").Deserialize<Dictionary<string, string>>() ?? throw new JsonException("weight_map is null");
            if (weightMap.ContainsValue(null!))
                throw new JsonException("weight_map names no shard for a tensor");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new CheckpointException(index, $"is not an index of weights: {exception.Message}");
        }

        List<string> faults = [];
        foreach (var tensorsOfShard in weightMap.ToLookup(entry => entry.Value, entry => entry.Key).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            string shard = tensorsOfShard.Key;
            if (Path.GetFileName(shard) != shard)
                throw new CheckpointException(index, $"names a shard outside its folder: {shard}");
            var file = Open(Path.Combine(_folder, shard));
            faults.AddRange(file.Tensors.Keys.Except(tensorsOfShard).Concat(tensorsOfShard.Except(file.Tensors.Keys)));
        }
        if (faults.Count > 0)
            throw new CheckpointException(index, $"disagrees with its shards about {string.Join(", ", faults.Distinct().Take(MaxFaultsListed))}");
    }

    private SafetensorsFile Open(string path)
    {
        var file = new SafetensorsFile(path);
        _files.Add(file);
        foreach (string name in file.Tensors.Keys)
        {
            if (!_fileOf.TryAdd(name, file))
                throw new CheckpointException(path, $"holds {name}, which another shard holds as well");
        }
        return file;
    }
}
