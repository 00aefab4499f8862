using System.Text.Json;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using TorchSharp;

namespace LLaDA.Diffusion.Tests;

public sealed class GoldenSamplingTests
{
    public static TheoryData<string, string> Official => Cases("generate.");

    public static TheoryData<string, string> Cached => Cases("fast.");

    [Theory]
    [MemberData(nameof(Official))]
    public void Tokens_equal_the_official_loops(string folder, string name)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load();
        using var sampler = new Sampler(model);

        var sampled = sampler.Sample([Row(golden, model.Config, name)]);

        Assert.Equal(golden.Tokens($"{name}.output"), sampled[0].Tokens.Select(token => (long)token));
    }

    [Theory]
    [MemberData(nameof(Cached))]
    public void Tokens_equal_those_of_the_cached_and_parallel_loops_in_no_more_passes(string folder, string name)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load();
        using var sampler = new Sampler(model);

        var sampled = sampler.Sample([Row(golden, model.Config, name)])[0];

        Assert.Equal(golden.Tokens($"{name}.output"), sampled.Tokens.Select(token => (long)token));
        Assert.InRange(sampled.NumForwards, 1, Settings(golden, name).GetProperty("nfe").GetInt32());
    }

    [Theory]
    [MemberData(nameof(GoldenFolder.Names), MemberType = typeof(GoldenFolder))]
    public void Tokens_equal_the_official_loops_when_all_cases_share_one_batch(string folder)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load();
        using var sampler = new Sampler(model);
        string[] names = [.. golden.Json.GetProperty("cases").EnumerateArray().Select(Name)];

        var sampled = sampler.Sample([.. names.Select(name => Row(golden, model.Config, name))]);

        foreach (var (row, name) in sampled.Zip(names))
            Assert.Equal(golden.Tokens($"{name}.output"), row.Tokens.Select(token => (long)token));
    }

    private static TheoryData<string, string> Cases(string prefix)
    {
        var cases = new TheoryData<string, string>();
        foreach (string folder in GoldenFolder.Names.Select(row => row.Data))
        {
            using var golden = new GoldenFolder(folder);
            foreach (var name in golden.Json.GetProperty("cases").EnumerateArray().Select(Name)
                .Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
                cases.Add(folder, name);
        }
        return cases;
    }

    internal static SamplingRow Row(GoldenFolder golden, LLaDAConfig config, string name)
    {
        var settings = Settings(golden, name);
        JsonElement? Find(string setting) =>
            settings.TryGetProperty(setting, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
        var options = new SamplingOptions
        {
            Steps = settings.GetProperty("steps").GetInt32(),
            BlockLength = settings.GetProperty("block_length").GetInt32(),
            CfgScale = Find("cfg_scale")?.GetDouble() ?? 0,
            Temperature = Find("temperature")?.GetDouble() ?? 0,
            ForbidsEos = Find("logits_eos_inf")?.GetBoolean() ?? false,
            Cache = Enum.Parse<CachePolicy>(Find("cache")?.GetString() ?? "none", ignoreCase: true),
            Threshold = Find("threshold")?.GetDouble(),
        };
        int[] prompt = [.. golden.Tokens($"{name}.prompt").Select(token => (int)token)];
        return new SamplingRow(
            [.. prompt, .. Enumerable.Repeat(config.MaskTokenId, settings.GetProperty("gen_length").GetInt32())], options);
    }

    private static JsonElement Settings(GoldenFolder golden, string name) =>
        golden.Json.GetProperty("cases").EnumerateArray().Single(settings => Name(settings) == name);

    internal static string Name(JsonElement settings) => settings.GetProperty("name").GetString()!;
}
