using LLaDA.Batch.Worker.Device;
using LLaDA.Diffusion.Checkpoints;
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
        var hardware = Hardware.Of(new WorkerOptions { Device = DeviceChoice.Cpu, BFloat16 = isBFloat16, DeviceBytes = 1 });

        Assert.Equal((DeviceType.CPU, expected, null), (hardware.Device.type, hardware.ComputeType, hardware.DeviceBytes));
    }

    [Fact]
    public void Without_a_choice_the_card_is_taken_where_there_is_one() =>
        Assert.Equal(torch.cuda.is_available() ? DeviceType.CUDA : DeviceType.CPU, Hardware.Of(new WorkerOptions()).Device.type);

    [Fact]
    public void A_card_that_is_asked_for_and_not_there_is_an_error_with_its_reasons()
    {
        if (torch.cuda.is_available())
            Assert.Skip("There is one");

        var failure = Assert.Throws<InvalidOperationException>(() => Hardware.Of(new WorkerOptions { Device = DeviceChoice.Cuda }));
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
}
