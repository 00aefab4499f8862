using System.Globalization;
using LLaDA.Batch.Worker.Device;
using LLaDA.Batch.Worker.Models;
using LLaDA.Diffusion;
using LLaDA.Diffusion.Checkpoints;
using LLaDA.Diffusion.Model;
using TorchSharp;

namespace LLaDA.Batch.Worker.Tests;

public sealed class HardwareTests(TinyModel model)
{
    [Theory]
    [InlineData(null, torch.ScalarType.Float32)]
    [InlineData(false, torch.ScalarType.Float32)]
    [InlineData(true, torch.ScalarType.BFloat16)]
    public void On_a_CPU_products_are_in_float32_unless_asked_otherwise(bool? isBFloat16, torch.ScalarType expected)
    {
        var hardware = Hardware.Of(new DeviceOptions { Choice = DeviceChoice.Cpu, BFloat16 = isBFloat16, DeviceBytes = 1 });

        Assert.Equal((DeviceType.CPU, expected, null), (hardware.Device.type, hardware.ComputeType, hardware.DeviceBytes));
    }

    [Fact]
    public void Without_a_choice_the_card_is_taken_where_there_is_one() =>
        Assert.Equal(torch.cuda.is_available() ? DeviceType.CUDA : DeviceType.CPU, Hardware.Of(new DeviceOptions()).Device.type);

    [Fact]
    public void A_card_that_is_asked_for_and_not_there_is_an_error_with_its_reasons()
    {
        if (torch.cuda.is_available())
            Assert.Skip("There is one");

        var failure = Assert.Throws<InvalidOperationException>(() => Hardware.Of(new DeviceOptions { Choice = DeviceChoice.Cuda }));
        Assert.Contains("Worker:Device", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void On_a_card_passes_have_what_the_weights_leave()
    {
        var config = LLaDAConfigJson.Read(Path.Combine(model.Folder, TinyModel.Id, Checkpoint.ConfigFile));
        var card = new Hardware(new torch.Device(DeviceType.META), torch.ScalarType.BFloat16, 1 << 30);

        Assert.Equal((1 << 30) - (2 * config.NumParameters), card.PassBytes(config));
        Assert.Equal(0, (card with { DeviceBytes = config.NumParameters }).PassBytes(config));
    }

    [Fact]
    public void A_sixteenth_of_the_memory_for_passes_is_for_beginnings_that_lines_share_where_they_can()
    {
        var config = LLaDAConfigJson.Read(Path.Combine(model.Folder, TinyModel.Id, Checkpoint.ConfigFile));
        var card = new Hardware(new torch.Device(DeviceType.META), torch.ScalarType.BFloat16, 1 << 30);
        var blocks = config with { Family = ModelFamilies.Sdar, BlockLength = 4 };

        Assert.Equal(0, card.PrefixBytes(config));
        Assert.Equal(card.PassBytes(blocks) / 16, card.PrefixBytes(blocks));
        Assert.InRange(card.PassTokens(blocks), 1, card.PassTokens(config) * 16 / 17);
    }

    [Fact]
    public void Weights_that_do_not_fit_are_refused_with_the_arithmetic()
    {
        var config = LLaDAConfigJson.Read(Path.Combine(model.Folder, TinyModel.Id, Checkpoint.ConfigFile)) with
        {
            ModelWidth = 8192, NumHeads = 64, NumKeyValueHeads = 64, NumLayers = 80, FeedForwardWidth = 28672,
        };
        var card = new Hardware(new torch.Device(DeviceType.META), torch.ScalarType.BFloat16, 76L << 30);
        long count = config.NumParameters;

        card.RequireFit(config with { NumLayers = 20 }, "small");
        var refusal = Assert.Throws<CheckpointException>(() => card.RequireFit(config, "models/large"));

        Assert.Equal(
            string.Create(
                CultureInfo.InvariantCulture, $"models/large has {count:N0} parameters of 2 bytes, {count * 2 / 1e9:F1} GB of weights, ")
            + "and the card has 81.6 GB: register it for a profile with more",
            refusal.Message);
    }

    [Fact]
    public void Model_that_does_not_fit_is_refused_when_it_is_loaded()
    {
        using var tensors = new TensorThread();
        var files = new ModelFiles(Path.Combine(model.Folder, TinyModel.Id), adapter: null, []);
        var card = new Hardware(torch.CPU, torch.ScalarType.Float32, DeviceBytes: 1000);

        Assert.Contains(
            "of weights, and the card has 0.0 GB", Assert.Throws<CheckpointException>(
                () => LoadedModel.Load(TinyModel.Id, files, card, tensors)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unmeasured_model_is_planned_by_the_parameters_that_compute_a_token()
    {
        double Rate(long active, double measured = 0) => new Shared.Models.ModelRecord
        {
            NumActiveParameters = active, TokenForwardsPerSecond = measured,
        }.PlannedTokenForwardsPerSecond;

        Assert.Equal(20_000, Rate(active: 0));
        Assert.Equal(20_000, Rate(8_000_000_000));
        Assert.Equal(100_000, Rate(1_600_000_000));
        Assert.Equal((200_000, 1_000), (Rate(7_000_000), Rate(500_000_000_000)));
        Assert.Equal(5, Rate(8_000_000_000, measured: 5));
    }
}
