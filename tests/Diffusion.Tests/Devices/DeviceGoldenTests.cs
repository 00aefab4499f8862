using LLaDA.Diffusion.Sampling;
using LLaDA.Diffusion.Training;
using TorchSharp;

namespace LLaDA.Diffusion.Tests.Devices;

/// <summary>What the reference computes, on each device, in float32.</summary>
public sealed class DeviceGoldenTests
{
    public static TheoryData<DeviceType, string> Cases
    {
        get
        {
            var cases = new TheoryData<DeviceType, string>();
            foreach (var device in TestDevice.All)
            {
                foreach (string folder in GoldenFolder.Names.Select(row => row.Data))
                    cases.Add(device.Data, folder);
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Logits_equal_the_references(DeviceType type, string folder)
    {
        var device = TestDevice.Of(type);
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load(device);

        TensorAssert.Close(golden["forward.logits"], model.call(golden["forward.input_ids"].to(device)).cpu(), 2e-4);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Tokens_equal_the_official_loops(DeviceType type, string folder)
    {
        var device = TestDevice.Of(type);
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load(device);
        using var sampler = new Sampler(model);
        string[] names = [.. golden.Json.GetProperty("cases").EnumerateArray().Select(GoldenSamplingTests.Name)];

        var sampled = sampler.Sample([.. names.Select(name => GoldenSamplingTests.Row(golden, model.Config, name))]);

        foreach (var (row, name) in sampled.Zip(names))
            Assert.Equal(golden.Tokens($"{name}.output"), row.Tokens.Select(token => (long)token));
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Loss_equals_the_references(DeviceType type, string folder)
    {
        var device = TestDevice.Of(type);
        using var scope = torch.NewDisposeScope();
        using var golden = new GoldenFolder(folder);
        using var model = golden.Load(device);
        var batch = GoldenTrainingTests.Noise(golden, model.Config.MaskTokenId, "pretrain");

        GoldenTrainingTests.AssertClose(golden.Number("pretrain.loss"), DiffusionLoss.Pretraining(model, batch).cpu().item<float>(), 1e-4);
    }
}
