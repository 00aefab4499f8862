using System.Reflection;
using System.Text.Json;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using TorchSharp;

namespace LLaDA.Diffusion.Tests;

/// <summary>
/// A tiny checkpoint and what the reference implementation computes from it (tests/golden, or the folder that LLADA_GOLDEN names).
/// </summary>
public sealed class GoldenFolder : IDisposable
{
    private readonly SafetensorsFile _values;

    public GoldenFolder(string name)
    {
        Path = System.IO.Path.Combine(Root, name);
        _values = new SafetensorsFile(System.IO.Path.Combine(Path, "golden.safetensors"));
        Json = JsonDocument.Parse(File.ReadAllBytes(System.IO.Path.Combine(Path, "golden.json"))).RootElement;
    }

    public string Path { get; }

    public JsonElement Json { get; }

    public static TheoryData<string> Names =>
        [.. Directory.GetDirectories(Root).Select(folder => System.IO.Path.GetFileName(folder)!).Order()];

    private static string Root => Environment.GetEnvironmentVariable("LLADA_GOLDEN") is { Length: > 0 } folder
        ? folder
        : System.IO.Path.Combine(Repository.Root, "tests", "golden");

    public torch.Tensor this[string name] => _values.Read(name);

    public bool Has(string name) => _values.Tensors.ContainsKey(name);

    public double Number(string name)
    {
        using var value = this[name];
        return value.to(torch.ScalarType.Float64).item<double>();
    }

    public long[] Tokens(string name)
    {
        using var value = this[name];
        return [.. value.data<long>()];
    }

    public int[][] Rows(string name)
    {
        using var value = this[name];
        return [.. value.data<long>().Select(token => (int)token).Chunk((int)value.shape[1])];
    }

    /// <param name="device">Null for the CPU.</param>
    public MaskPredictor Load(torch.Device? device = null) => Checkpoint.Load(Path, device);

    public void Dispose() => _values.Dispose();
}

public static class Repository
{
    public static string Root { get; } = typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(data => data.Key == "RepositoryRoot").Value!;
}
