using System.Text.Json;
using LLaDA.Diffusion.Model;
using LLaDA.Diffusion.Sampling;
using TorchSharp;

namespace LLaDA.Diffusion.Tests;

public sealed class GoldenSamplingTests
{
    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (string folder in GoldenFolder.Names.Select(row => row.Data))
            {
                using var golden = new GoldenFolder(folder);
                foreach (var name in golden.Json.GetProperty("cases").EnumerateArray().Select(Name).Where(name => name.StartsWith("generate.", StringComparison.Ordinal)))
                    cases.Add(folder, name);
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
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
    [MemberData(nameof(GoldenFolder.Names), MemberType = typeof(GoldenFolder))]
    public void Tokens_equal_the_official_loops_when_all_cases_share_one_batch(string folder)
    {
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load();
        using var sampler = new Sampler(model);
        string[] names = [.. golden.Json.GetProperty("cases").EnumerateArray().Select(Name).Where(name => name.StartsWith("generate.", StringComparison.Ordinal))];

        var sampled = sampler.Sample([.. names.Select(name => Row(golden, model.Config, name))]);

        foreach (var (row, name) in sampled.Zip(names))
            Assert.Equal(golden.Tokens($"{name}.output"), row.Tokens.Select(token => (long)token));
    }

    private static SamplingRow Row(GoldenFolder golden, LLaDAConfig config, string name)
    {
        var settings = golden.Json.GetProperty("cases").EnumerateArray().Single(settings => Name(settings) == name);
        int Integer(string setting) => settings.GetProperty(setting).GetInt32();
        double Number(string setting) => settings.GetProperty(setting).GetDouble();
        var options = new SamplingOptions
        {
            Steps = Integer("steps"),
            BlockLength = Integer("block_length"),
            CfgScale = Number("cfg_scale"),
            Temperature = Number("temperature"),
            ForbidsEos = settings.TryGetProperty("logits_eos_inf", out var forbids) && forbids.GetBoolean(),
        };
        int[] prompt = [.. golden.Tokens($"{name}.prompt").Select(token => (int)token)];
        return new SamplingRow([.. prompt, .. Enumerable.Repeat(config.MaskTokenId, Integer("gen_length"))], options);
    }

    private static string Name(JsonElement settings) => settings.GetProperty("name").GetString()!;
}
