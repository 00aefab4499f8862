using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
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

    /// <summary>Folders of dense LLaDA, whose layout is its own.</summary>
    public static TheoryData<string> Names => Of(family => family is null);

    /// <summary>Folders of all other families.</summary>
    public static TheoryData<string> Families => Of(family => family is not null);

    /// <summary>Folders of some families, by their names in golden.json, such as <c>llada-moe</c>.</summary>
    public static TheoryData<string> Of(params string[] families) => Of(family => families.Contains(family));

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

    /// <summary>
    /// The checkpoint; where its files do not name a special token or the length of a block, with those of golden.json in config.json.
    /// </summary>
    /// <param name="device">Null for the CPU.</param>
    public MaskPredictor Load(torch.Device? device = null)
    {
        if (!Json.TryGetProperty("family", out _))
            return Checkpoint.Load(Path, device);
        using var folder = Complete();
        return Checkpoint.Load(folder.Path, device);
    }

    /// <summary>A folder with links to the checkpoint's files and a config.json that names what they leave open.</summary>
    internal TemporaryFolder Complete()
    {
        var folder = new TemporaryFolder();
        foreach (string file in Directory.GetFiles(Path).Where(file => System.IO.Path.GetFileName(file) != Checkpoint.ConfigFile))
            File.CreateSymbolicLink(folder.File(System.IO.Path.GetFileName(file)), file);
        var config = JsonNode.Parse(File.ReadAllText(System.IO.Path.Combine(Path, Checkpoint.ConfigFile)))!.AsObject();
        foreach (string token in (string[])["mask", "eos"])
        {
            if (Json.GetProperty("special").TryGetProperty(token, out var id) && !config.ContainsKey($"{token}_token_id"))
                config[$"{token}_token_id"] = JsonNode.Parse(id.GetRawText());
        }
        if (Json.GetProperty("forward").TryGetProperty("block_length", out var length) && !config.ContainsKey("block_size"))
            config["block_size"] = length.GetInt32();
        File.WriteAllText(folder.File(Checkpoint.ConfigFile), config.ToJsonString());
        return folder;
    }

    public void Dispose() => _values.Dispose();

    private static TheoryData<string> Of(Func<string?, bool> isOfFamily) =>
        [.. Directory.GetDirectories(Root).Where(folder => isOfFamily(FamilyOf(folder)))
            .Select(folder => System.IO.Path.GetFileName(folder)!).Order()];

    private static string? FamilyOf(string folder)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(System.IO.Path.Combine(folder, "golden.json")));
        return json.RootElement.TryGetProperty("family", out var family) ? family.GetString() : null;
    }
}

public static class Repository
{
    public static string Root { get; } = typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(data => data.Key == "RepositoryRoot").Value!;
}
