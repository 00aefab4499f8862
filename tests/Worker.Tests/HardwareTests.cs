using System.Globalization;
using System.Runtime.InteropServices;
using LLaDA.Batch.Shared.Models;
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
    [InlineData("Auto", torch.ScalarType.Float32)]
    [InlineData("Float32", torch.ScalarType.Float32)]
    [InlineData("BFloat16", torch.ScalarType.BFloat16)]
    [InlineData("Float16", torch.ScalarType.Float16)]
    public void On_a_CPU_products_are_in_float32_unless_asked_otherwise(string products, torch.ScalarType expected)
    {
        var hardware = Hardware.Of(new DeviceOptions
        {
            Choice = DeviceChoice.Cpu, Products = Enum.Parse<ProductType>(products), DeviceBytes = 1,
        });

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

        Assert.Equal((1 << 30) - (2 * config.NumParameters), card.PassBytes(config, torch.ScalarType.BFloat16));
        Assert.Equal(
            (1 << 30) - WeightBytes.Of(config, torch.ScalarType.Int8, torch.ScalarType.BFloat16)
                - (2 * config.ModelWidth * config.FeedForwardWidth),
            card.PassBytes(config, torch.ScalarType.Int8));
        Assert.Equal(0, (card with { DeviceBytes = config.NumParameters }).PassBytes(config, torch.ScalarType.BFloat16));
    }

    [Fact]
    public void A_sixteenth_of_the_memory_for_passes_is_for_beginnings_that_lines_share_where_they_can()
    {
        var config = LLaDAConfigJson.Read(Path.Combine(model.Folder, TinyModel.Id, Checkpoint.ConfigFile));
        var card = new Hardware(new torch.Device(DeviceType.META), torch.ScalarType.BFloat16, 1 << 30);
        var blocks = config with { Family = ModelFamilies.Sdar, BlockLength = 4 };

        const torch.ScalarType type = torch.ScalarType.BFloat16;
        Assert.Equal(0, card.PrefixBytes(config, type));
        Assert.Equal(card.PassBytes(blocks, type) / 16, card.PrefixBytes(blocks, type));
        Assert.InRange(card.PassTokens(blocks, type), 1, card.PassTokens(config, type) * 16 / 17);
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

        card.RequireFit(config with { NumLayers = 20 }, torch.ScalarType.BFloat16, "small");
        string Refusal(Hardware hardware) => Assert.Throws<CheckpointException>(
            () => hardware.RequireFit(config, torch.ScalarType.BFloat16, "models/large")).Message;
        string Needed(string available, string advice) => string.Create(
            CultureInfo.InvariantCulture,
            $"models/large has {count:N0} parameters, {count * 2 / 1e9:F1} GB of weights, and the card has {available}: {advice}");

        Assert.Equal(
            Needed("81.6 GB", "add it with --weights int8, in which it has 78.4 GB, or for a profile with more"), Refusal(card));
        Assert.Equal(
            Needed("60.1 GB", "register it for a profile with more"), Refusal(card with { DeviceBytes = 56L << 30 }));
    }

    [Fact]
    public void Weights_are_in_8_bits_on_a_card_where_the_model_or_the_worker_asks_for_them()
    {
        var card = new Hardware(new torch.Device(DeviceType.META), torch.ScalarType.Float16, 1 << 30);
        var cpu = card with { DeviceBytes = null };

        Assert.Equal(torch.ScalarType.Float16, card.WeightType(ModelWeights.Auto));
        Assert.Equal(torch.ScalarType.Int8, card.WeightType(ModelWeights.Int8));
        Assert.Equal(torch.ScalarType.Int8, (card with { Weights = WeightChoice.Int8 }).WeightType(ModelWeights.Auto));
        Assert.Equal(torch.ScalarType.Float16, (cpu with { Weights = WeightChoice.Int8 }).WeightType(ModelWeights.Int8));
    }

    [Fact]
    public void Trainings_have_no_products_in_float16()
    {
        var card = new Hardware(new torch.Device(DeviceType.META), torch.ScalarType.Float16, 1 << 30);

        Assert.Equal(torch.ScalarType.Float32, card.TrainingType);
        Assert.Equal(torch.ScalarType.BFloat16, (card with { ComputeType = torch.ScalarType.BFloat16 }).TrainingType);
    }

    [Theory]
    [InlineData(60e12, 8e12, torch.ScalarType.Float16)]
    [InlineData(60e12, 40e12, torch.ScalarType.BFloat16)]
    [InlineData(900e12, 900e12, torch.ScalarType.BFloat16)]
    [InlineData(60e12, null, torch.ScalarType.Float16)]
    public void Without_a_choice_a_card_predicts_in_float16_where_it_is_slow_at_bfloat16(
        double ofFloat16, double? ofBFloat16, torch.ScalarType expected) =>
        Assert.Equal(
            expected,
            Hardware.FasterType(type => type == torch.ScalarType.Float16 ? ofFloat16 : ofBFloat16 ?? throw new NoProductException()));

    [Fact]
    public async Task Model_that_asks_for_8_bits_has_them_on_a_card()
    {
        using var tensors = new TensorThread();
        var files = new ModelFiles(Path.Combine(model.Folder, TinyModel.Id), adapter: null, []);
        var card = new Hardware(torch.CPU, torch.ScalarType.Float32, 1 << 30);

        using var loaded = await tensors.RunAsync(
            () => LoadedModel.Load(TinyModel.Id, files, card, tensors, ModelWeights.Int8), CancellationToken.None);

        Assert.Equal(torch.ScalarType.Int8, loaded.WeightType);
        Assert.True(await loaded.WorksAsync(CancellationToken.None));
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
        double Rate(long active, double measured = 0) => new ModelRecord
        {
            NumActiveParameters = active, TokenForwardsPerSecond = measured,
        }.PlannedTokenForwardsPerSecond;

        Assert.Equal(20_000, Rate(active: 0));
        Assert.Equal(20_000, Rate(8_000_000_000));
        Assert.Equal(100_000, Rate(1_600_000_000));
        Assert.Equal((200_000, 1_000), (Rate(7_000_000), Rate(500_000_000_000)));
        Assert.Equal(5, Rate(8_000_000_000, measured: 5));
    }

    private sealed class NoProductException : ExternalException;
}
