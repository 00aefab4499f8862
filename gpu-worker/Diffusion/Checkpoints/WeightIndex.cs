using System.Text.Json;

namespace LLaDA.Diffusion.Checkpoints;

/// <summary>model.safetensors.index.json: which file of the folder holds which tensor.</summary>
/// <param name="Files">File names, by the tensor's name.</param>
internal sealed record WeightIndex(string Path, IReadOnlyDictionary<string, string> Files)
{
    public const string FileName = "model.safetensors.index.json";

    /// <exception cref="CheckpointException">Not an index, or it names a file outside its folder.</exception>
    public static WeightIndex Read(string path)
    {
        try
        {
            byte[] bytes = File.ReadAllBytes(path);
            if (ForeignFile.Describe(bytes.AsSpan(0, Math.Min(bytes.Length, ForeignFile.NumBytes))) is { } foreign)
                throw new CheckpointException(path, foreign);
            using var json = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            var files = json.RootElement.GetProperty("weight_map").Deserialize<Dictionary<string, string>>()
                ?? throw new JsonException("weight_map is null");
            if (files.ContainsValue(null!))
                throw new JsonException("weight_map names no shard for a tensor");
            return files.Values.FirstOrDefault(file => System.IO.Path.GetFileName(file) != file) is { } outside
                ? throw new CheckpointException(path, $"names a shard outside its folder: {outside}")
                : new WeightIndex(path, files);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new CheckpointException(path, $"is not an index of weights: {exception.Message}");
        }
    }
}
